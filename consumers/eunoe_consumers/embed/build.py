"""Build the work of the group `embed` from its settings."""

import asyncio
from functools import partial

from redis.asyncio import Redis

from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.delivery.removed_tenants import RemovedTenants
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embed.settings import EmbedSettings
from eunoe_consumers.embed.stream_watch import StreamWatch
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.stream_log import StreamLog
from eunoe_consumers.postgres.turns import TurnWriter
from eunoe_schema.codec import decode_message
from eunoe_schema.events import MessageEvent

# Reading and counting the tokens of one batch overlaps with the model's work on another.
_BATCHES = 2


async def build(settings: EmbedSettings, redis: Redis, database: Database) -> GroupWork[MessageEvent]:
    """Return the work of the group `embed`. Loads the model.

    Raises:
        ModelError: If the model cannot be found or loaded.
        ConfigurationError: If the model does not fit the settings.
    """
    embedder = await asyncio.to_thread(load_embedder, settings)
    embed = EmbedAndStore(
        embedder,
        TurnWriter(database, embedding_model=embedder.name),
        batch_tokens=settings.embed_batch_tokens,
        max_pieces=settings.embed_max_pieces,
        removed=RemovedTenants(redis),
    )
    return GroupWork(
        decode=partial(decode_message, max_content_chars=settings.max_content_chars),
        effect=embed,
        split=embed.split,
        in_flight=_BATCHES,
        periodic=StreamWatch(redis, StreamLog(database)).record,
    )
