"""Build the work of the group `curate` from its settings."""

import asyncio

from redis.asyncio import Redis

from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.memories.call import CurationRules
from eunoe_consumers.memories.effect import CurateMemories
from eunoe_consumers.memories.executor import RequestExecutor
from eunoe_consumers.memories.settings import CurateSettings
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.memory_connection import Lifetime
from eunoe_schema.memory.base import AnyRequest, decode_request

# Requests wait for the model and for connections, and keep their own order.
_BATCHES = 32
# A run of this many texts takes a few seconds at most. Other requests wait that long during an import.
_TEXTS_PER_RUN = 128


async def build(settings: CurateSettings, redis: Redis, database: Database) -> GroupWork[AnyRequest]:
    """Return the work of the group `curate`. Loads the model.

    Raises:
        ModelUnavailable: If the model cannot be found or loaded.
        ConfigurationError: If the model does not fit the settings.
    """
    texts = CoalescingEmbedder(await asyncio.to_thread(load_embedder, settings), texts_per_run=_TEXTS_PER_RUN)
    rules = CurationRules(
        near_duplicate_cosine=settings.memory_near_duplicate_cosine,
        session_idle_seconds=settings.session_idle_seconds,
    )
    curate = CurateMemories(redis, RequestExecutor(database, texts, Lifetime.of(settings), rules))
    return GroupWork(decode=decode_request, effect=curate, on_refused=curate.refuse, in_flight=_BATCHES)
