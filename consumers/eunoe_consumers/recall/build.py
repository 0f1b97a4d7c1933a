"""Build the work of the group `recall` from its settings."""

import asyncio
from functools import partial

from redis.asyncio import Redis

from eunoe_consumers.delivery.entry_states import EntryStates
from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.memory_connection import Lifetime
from eunoe_consumers.postgres.memory_recall import MemoryReader
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.recall.answer import RecallAnswerer
from eunoe_consumers.recall.effect import AnswerRequests
from eunoe_consumers.recall.memory_search import MemoryRecall
from eunoe_consumers.recall.selection import Selection, SelectionDefaults
from eunoe_consumers.recall.settings import RecallSettings
from eunoe_consumers.recall.turn_search import RankingOptions, TurnSearch
from eunoe_consumers.recall.window_reader import WindowReader
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import decode
from eunoe_schema.recall import RecallRequest
from eunoe_schema.streams import Group

# Recalls wait for each other's writes and for the model, so many may be in hand.
_BATCHES = 512
# Longer runs of the model make the queries that arrive meanwhile wait longer.
_QUERIES_PER_RUN = 16


async def build(settings: RecallSettings, redis: Redis, database: Database) -> GroupWork[RecallRequest]:
    """Return the work of the group `recall`.

    Raises:
        ModelError: If the model cannot be found or loaded.
        ConfigurationError: If the model does not fit the settings.
    """
    answers = AnswerRequests(redis, await build_answerer(settings, redis, database))
    return GroupWork(
        decode=partial(decode, model=RecallRequest),
        effect=answers,
        on_refused=answers.refuse,
        in_flight=_BATCHES,
    )


async def build_answerer(settings: RecallSettings, redis: Redis, database: Database) -> RecallAnswerer:
    """Return the maker of contexts. Loads a model of its own: a query must not wait for embedded batches.

    Raises:
        ModelError: If the model cannot be found or loaded.
        ConfigurationError: If the model does not fit the settings.
    """
    embedder = CoalescingEmbedder(await asyncio.to_thread(load_embedder, settings), texts_per_run=_QUERIES_PER_RUN)
    windows = Windows(redis, size=settings.window_messages)
    candidates = CandidateReader(database, ann_ef_search=settings.ann_ef_search)
    return RecallAnswerer(
        WindowReader(windows, TurnReader(database), EntryStates(redis, Group.WINDOW)),
        TurnSearch(candidates, embedder, _ranking(settings)),
        Selection(candidates, embedder, _selection(settings)),
        MemoryRecall(
            MemoryReader(database, Lifetime.of(settings)), embedder, default_memories=settings.recall_memories
        ),
    )


def _ranking(settings: RecallSettings) -> RankingOptions:
    return RankingOptions(
        ranking=settings.recall_ranking,
        dialogue=settings.recall_dialogue,
        assistant=settings.recall_assistant,
        candidates=settings.recall_candidates,
    )


def _selection(settings: RecallSettings) -> SelectionDefaults:
    return SelectionDefaults(
        top_k=settings.recall_top_k,
        min_cosine=settings.recall_min_cosine,
        excerpts=settings.recall_excerpts,
        repeats=settings.recall_ranking == "cosine",  # that ranking returns turns exactly as the search finds them
    )
