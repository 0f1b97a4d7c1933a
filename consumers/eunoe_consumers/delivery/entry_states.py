"""The progress of a consumer group with one entry of its stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, stream


class EntryProgress(StrEnum):
    """The progress with an entry.

    ABSENT: the stream does not hold the entry; it was lost or trimmed, or never existed. WAITING: the group has not
    read the entry, or not acknowledged it. DONE: the group has applied or dead-lettered the entry.
    """

    ABSENT = "absent"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True)
class EntryState:
    """The progress with an entry, and its fields if it is done."""

    progress: EntryProgress
    fields: Mapping[bytes, bytes]


class EntryStates:
    """The states of a group's entries."""

    def __init__(self, redis: Redis, group: Group) -> None:
        self._group = group
        self._entry_state = register_lua(redis, "eunoe_consumers.delivery", "entry_state")

    async def of(self, entry_id: str) -> EntryState:
        """Return the state of an entry.

        Raises:
            RedisNotReady: If Redis failed.
        """
        with redis_wrapped():
            progress, *fields = cast(
                "list[bytes]",
                await self._entry_state(keys=[stream(self._group.subject)], args=[self._group, entry_id]),
            )
        return EntryState(EntryProgress(progress.decode()), dict(zip(fields[::2], fields[1::2], strict=True)))
