"""Build the work of the group `window` from its settings."""

from functools import partial

from redis.asyncio import Redis

from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.effect import AppendToWindows
from eunoe_consumers.window.settings import WindowSettings
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import decode_message
from eunoe_schema.events import MessageEvent


async def build(settings: WindowSettings, redis: Redis, database: Database) -> GroupWork[MessageEvent]:
    """Return the work of the group `window`. One batch at a time: an append is quicker than a round trip."""
    return GroupWork(
        decode=partial(decode_message, max_content_chars=settings.max_content_chars),
        effect=AppendToWindows(Windows(redis, size=settings.window_messages), TurnReader(database)),
    )
