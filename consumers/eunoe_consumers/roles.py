"""Put a process together: for each role asked for, its work; that of a group on the one delivery mechanism."""

import asyncio
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from redis.asyncio import Redis

from eunoe_consumers.cancellation import cancel_bounded
from eunoe_consumers.connections import connect_redis
from eunoe_consumers.delivery.entry_states import EntryStates
from eunoe_consumers.delivery.process import ConsumerProcess
from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.delivery.stream_group import StreamGroup, consumer_name
from eunoe_consumers.delivery.stream_watch import StreamWatch
from eunoe_consumers.delivery.worker import Worker, WorkerTimes
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.embedder import Embedder, FastembedEmbedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.embedding.prepare import prepare_model
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.janitor.janitor import Janitor, JanitorRules, Round
from eunoe_consumers.memories.answer import RequestExecutor
from eunoe_consumers.memories.call import CurationRules
from eunoe_consumers.memories.effect import CurateMemories
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.curation import CurationStore
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.housekeeping import Housekeeping
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.memory_recall import MemoryReader
from eunoe_consumers.postgres.migrations import check_schema
from eunoe_consumers.postgres.stream_log import StreamLog
from eunoe_consumers.postgres.tenants import TenantRegistry, TenantTable
from eunoe_consumers.postgres.turns import TurnReader, TurnWriter
from eunoe_consumers.recall.answer import RecallAnswerer
from eunoe_consumers.recall.effect import AnswerRequests
from eunoe_consumers.recall.memory_search import MemoryRecall
from eunoe_consumers.recall.selection import Selection, SelectionDefaults
from eunoe_consumers.recall.turn_search import RankingOptions, TurnSearch
from eunoe_consumers.recall.window_reader import WindowReader
from eunoe_consumers.role import ProcessRole
from eunoe_consumers.settings import Settings
from eunoe_consumers.window.effect import AppendToWindows
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import decode, decode_message
from eunoe_schema.events import MessageEvent
from eunoe_schema.memory.base import AnyRequest, decode_request
from eunoe_schema.recall import RecallRequest
from eunoe_schema.streams import Group

ResultT = TypeVar("ResultT")

# Recalls wait for one another's writes and for the model: many may be in hand. Embedding overlaps the next batch's
# reading and counting with the model's work on this one. A window is quicker than a round trip. Curators' requests wait
# for the model and for connections, and keep their own order.
_IN_FLIGHT = {Group.WINDOW: 1, Group.EMBED: 2, Group.RECALL: 512, Group.CURATE: 32}
# Longer runs make the queries that arrive meanwhile wait longer. A run of an import's texts takes seconds at most.
_QUERIES_PER_RUN, _TEXTS_PER_RUN = 16, 128


async def consume(settings: Settings, roles: Collection[ProcessRole], stop: asyncio.Event) -> None:
    """Run the consumers of `roles` in this process until `stop` is set.

    Args:
        settings: With both URLs set.
        roles: At least one.
        stop: Ends the process in an orderly way.

    Raises:
        ConfigurationError: If a server, the schema or the model is not what the settings say.
        ConsumerDied: If a part stopped for good.
    """
    if settings.redis_url is None or settings.database_url is None:
        msg = "EUNOE_REDIS_URL and EUNOE_DATABASE_URL must be set"
        raise ConfigurationError(msg)
    async with AsyncExitStack() as stack:
        process = await _unless_stopped(stop, _assemble(settings, roles, stack))
        if process is not None:
            await process.run(stop)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, ResultT]) -> ResultT | None:
    """Await `work`; None where `stop` is set first: a process that waits for a server must still end when told."""
    task, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if task.done():
        return task.result()
    await cancel_bounded({task})
    return None


async def _assemble(settings: Settings, roles: Collection[ProcessRole], stack: AsyncExitStack) -> ConsumerProcess:
    """Connect, check what is there against what is configured, load models; what must be closed goes on the stack."""
    redis_url, database_url = settings.redis_url or "", settings.database_url or ""
    redis = await connect_redis(redis_url, wait_seconds=settings.start_timeout_seconds)
    stack.push_async_callback(redis.aclose)
    await check_schema(
        database_url,
        embedding_dimensions=settings.embedding_dimensions,
        wait_seconds=settings.start_timeout_seconds,
    )
    workers: list[Worker[Any]] = []
    stack.push_async_callback(_settle, workers)  # between the closing of PostgreSQL's connections and that of Redis'
    database = await stack.enter_async_context(
        await Database.connect(
            database_url,
            connections=settings.database_connections,
            statement_cache_size=settings.statement_cache_size,
            wait_seconds=settings.start_timeout_seconds,
        )
    )
    registry = TenantRegistry(redis, TenantTable(database))
    await registry.fill_if_absent()
    name = consumer_name()
    times = WorkerTimes(settings.claim_after_seconds, settings.consumer_idle_seconds)
    for group in [role.group for role in roles if role.group is not None]:
        stream_group = StreamGroup(redis, group, consumer=name, keeps_entries=group.keeps_entries)
        work = await _work(group, settings, redis, database)
        workers.append(Worker(stream_group, work, registry, times))
    return ConsumerProcess(
        redis_url,
        redis,
        workers,
        batch_entries=settings.batch_entries,
        shutdown_seconds=settings.shutdown_seconds,
        duties={str(ProcessRole.JANITOR): _janitor(settings, database).run} if ProcessRole.JANITOR in roles else {},
    )


async def _settle(workers: Collection[Worker[Any]]) -> None:
    await asyncio.gather(*(worker.settle() for worker in workers))


async def _work(group: Group, settings: Settings, redis: Redis, database: Database) -> GroupWork[Any]:
    windows = Windows(redis, size=settings.window_messages)
    turns = TurnReader(database)
    messages = partial(decode_message, max_content_chars=settings.max_content_chars)
    match group:
        case Group.WINDOW:
            return GroupWork[MessageEvent](
                decode=messages, effect=AppendToWindows(windows, turns), in_flight=_IN_FLIGHT[group]
            )
        case Group.EMBED:
            embedder = await asyncio.to_thread(load_embedder, settings)
            writer = TurnWriter(database, embedding_model=embedder.name)
            embed = EmbedAndStore(
                embedder, writer, batch_tokens=settings.embed_batch_tokens, max_pieces=settings.embed_max_pieces
            )
            return GroupWork[MessageEvent](
                decode=messages,
                effect=embed,
                split=embed.split,
                in_flight=_IN_FLIGHT[group],
                beat=StreamWatch(redis, StreamLog(database)).note,
            )
        case Group.RECALL:
            # A model of its own, never the one that embeds batches: a query must not wait for them.
            model = await asyncio.to_thread(load_embedder, settings)
            embedder = CoalescingEmbedder(model, texts_per_run=_QUERIES_PER_RUN)
            reader = WindowReader(windows, turns, EntryStates(redis, Group.WINDOW))
            candidates = CandidateReader(database, ann_ef_search=settings.ann_ef_search)
            answerer = RecallAnswerer(
                reader,
                TurnSearch(candidates, embedder, _ranking(settings)),
                Selection(candidates, embedder, _selection(settings)),
                MemoryRecall(
                    MemoryReader(database, _lifetime(settings)), embedder, default_memories=settings.recall_memories
                ),
            )
            answers = AnswerRequests(redis, answerer)
            return GroupWork[RecallRequest](
                decode=partial(decode, model=RecallRequest),
                effect=answers,
                on_refused=answers.refuse,
                in_flight=_IN_FLIGHT[group],
            )
        case Group.CURATE:
            texts = CoalescingEmbedder(await asyncio.to_thread(load_embedder, settings), texts_per_run=_TEXTS_PER_RUN)
            rules = CurationRules(
                near_duplicate_cosine=settings.memory_near_duplicate_cosine,
                session_idle_seconds=settings.session_idle_seconds,
            )
            store = CurationStore(database, _lifetime(settings))
            curate = CurateMemories(redis, RequestExecutor(store, texts, rules))
            return GroupWork[AnyRequest](
                decode=decode_request, effect=curate, on_refused=curate.refuse, in_flight=_IN_FLIGHT[group]
            )


async def tidy(settings: Settings) -> Round:
    """Do one round of a janitor's work; return what was done.

    Raises:
        ConfigurationError: If the schema is wrong.
        StoreUnavailable: If PostgreSQL cannot be reached, or refuses.
    """
    database_url, wait_seconds = settings.database_url or "", settings.start_timeout_seconds
    await check_schema(database_url, embedding_dimensions=settings.embedding_dimensions, wait_seconds=wait_seconds)
    async with await Database.connect(database_url, connections=1, wait_seconds=wait_seconds) as database:
        return await _janitor(settings, database).tidy()


def _janitor(settings: Settings, database: Database) -> Janitor:
    """Return a janitor that does as the settings say."""
    merge = settings.memory_near_duplicate_cosine if settings.janitor_merge_near_duplicates else None
    rules = JanitorRules(
        purge_after_days=settings.memory_purge_after_days,
        batch_rows=settings.janitor_batch_rows,
        interval_seconds=settings.janitor_interval_seconds,
        merge_cosine=merge,
    )
    return Janitor(TenantTable(database), Housekeeping(database, _lifetime(settings)), rules)


def _lifetime(settings: Settings) -> Lifetime:
    return Lifetime(settings.memory_task_days, from_last_use=settings.memory_task_expires_from == "last_use")


def _ranking(settings: Settings) -> RankingOptions:
    return RankingOptions(
        ranking=settings.recall_ranking,
        dialogue=settings.recall_dialogue,
        assistant=settings.recall_assistant,
        candidates=settings.recall_candidates,
    )


def _selection(settings: Settings) -> SelectionDefaults:
    return SelectionDefaults(
        top_k=settings.recall_top_k,
        min_cosine=settings.recall_min_cosine,
        excerpts=settings.recall_excerpts,
        repeats=settings.recall_ranking == "cosine",  # by cosine alone, turns come as they are found
    )


def load_embedder(settings: Settings) -> Embedder:
    """Prepare the model where that is needed, and load it.

    Raises:
        ModelError: If the model cannot be had or loaded.
        ConfigurationError: If its width is not the configured one, or it is a test double in production.
    """
    if settings.embedder == "hash":
        if settings.purpose == "production":
            msg = (
                "EUNOE_EMBEDDER=hash embeds without meaning, for tests and benchmarks: unset it, or say so with "
                "EUNOE_PURPOSE=test where nobody's memory is at stake"
            )
            raise ConfigurationError(msg)
        return HashEmbedder(settings.embedding_dimensions)
    cache_dir = model_cache_dir(settings)
    prepared = prepare_model(model_name=settings.embedding_model, model_path=settings.model_path, cache_dir=cache_dir)
    embedder = FastembedEmbedder(prepared, cache_dir=cache_dir, slice_texts=settings.embed_slice_texts)
    if embedder.dimensions != settings.embedding_dimensions:
        msg = (
            f"the model {embedder.name} has {embedder.dimensions} dimensions, EUNOE_EMBEDDING_DIMENSIONS is "
            f"{settings.embedding_dimensions}: set it to the model's width before `eunoe migrate up`"
        )
        raise ConfigurationError(msg)
    return embedder


def model_cache_dir(settings: Settings) -> Path:
    """Return the folder of prepared models."""
    return settings.model_cache_dir or platformdirs.user_cache_path("eunoe") / "models"
