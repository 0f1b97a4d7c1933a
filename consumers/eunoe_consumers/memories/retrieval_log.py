"""Tells the stream which memories were returned: counted later by whoever has time, never on the way of a reply."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_schema.codec import encode
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.usage import MAX_USED, RetrievedRequest
from eunoe_schema.streams import DATA_FIELD, Subject, stream

log = structlog.stdlib.get_logger()


class RetrievalLog:
    """What a process has returned and not told yet. Told once a batch; what a crash takes along is not counted."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._untold: defaultdict[MemoryScope, list[UUID]] = defaultdict(list)

    def note(self, scope: MemoryScope, memory_ids: Iterable[UUID]) -> None:
        """Remember what was returned to a scope; an id as often as it was."""
        if ids := list(memory_ids):
            self._untold[scope] += ids

    async def tell(self) -> None:
        """Append what was noted to the stream; where Redis takes it not, it is dropped: it is no reader's concern."""
        told, self._untold = self._untold, defaultdict(list)
        if not told:
            return
        try:
            with redis_wrapped():
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for scope, ids in told.items():
                        for start in range(0, len(ids), MAX_USED):
                            pipeline.xadd(stream(Subject.MEMORY), {DATA_FIELD: _event(scope, ids, start)})
                    await pipeline.execute()
        except (TransientError, PermanentError) as error:
            log.warning("retrievals are not counted", scopes=len(told), reason=str(error))


def _event(scope: MemoryScope, ids: list[UUID], start: int) -> bytes:
    return encode(
        RetrievedRequest(
            request_id=uuid4().hex,
            tenant_id=scope.tenant_id,
            agent_id=scope.agent_id,
            user_id=scope.user_id,
            memory_ids=tuple(ids[start : start + MAX_USED]),
        )
    )
