"""How far a group is with one entry of its stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, stream


class EntryProgress(StrEnum):
    """Where an entry is on its way.

    ABSENT: not on the stream; it was lost, trimmed, or never there. WAITING: the group has not read it, or not
    acknowledged it. DONE: the group has applied or buried it.
    """

    ABSENT = "absent"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True)
class EntryState:
    """An entry's progress, and its fields where the group is done with it."""

    progress: EntryProgress
    fields: Mapping[bytes, bytes]


class EntryStates:
    """Asks Redis for the states of a group's entries."""

    def __init__(self, redis: Redis, group: Group) -> None:
        self._group = group
        self._ask = register_lua(redis, "eunoe_consumers.delivery", "entry_state")

    async def of(self, entry_id: str) -> EntryState:
        """Return the state of an entry.

        Raises:
            RedisUnavailable: If Redis failed.
        """
        with redis_wrapped():
            progress, *fields = cast(
                "list[bytes]", await self._ask(keys=[stream(self._group.subject)], args=[self._group, entry_id])
            )
        return EntryState(EntryProgress(progress.decode()), dict(zip(fields[::2], fields[1::2], strict=True)))
