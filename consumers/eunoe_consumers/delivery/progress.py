"""How far the groups of a stream are."""

from dataclasses import dataclass
from typing import TypedDict, cast

from redis.asyncio import Redis

from eunoe_consumers.connections import redis_wrapped
from eunoe_schema.streams import Subject, stream


class _GroupInfo(TypedDict):
    name: bytes
    pending: int
    lag: int | None


@dataclass(frozen=True)
class GroupProgress:
    """What a group has before it.

    Attributes:
        group: Its name.
        pending: Entries delivered and not acknowledged.
        lag: Entries not delivered yet; None where Redis does not know.
    """

    group: str
    pending: int
    lag: int | None

    @property
    def left(self) -> int:
        """Entries that are not through."""
        return self.pending + (self.lag or 0)


async def progress(redis: Redis, subject: Subject) -> list[GroupProgress]:
    """Return the progress of each group of a subject's stream."""
    with redis_wrapped():
        groups = cast("list[_GroupInfo]", await redis.xinfo_groups(stream(subject)))
    return [GroupProgress(group["name"].decode(), group["pending"], group["lag"]) for group in groups]
