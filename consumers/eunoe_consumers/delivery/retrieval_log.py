"""Count retrieved memories without delaying replies: the counts go through the stream `eunoe:memory`."""

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
    """The memories that this process has returned since the last flush. A crash loses these counts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._recorded: defaultdict[MemoryScope, list[UUID]] = defaultdict(list)

    def record(self, scope: MemoryScope, memory_ids: Iterable[UUID]) -> None:
        """Record the memories returned to a scope, each as often as it was returned."""
        if ids := list(memory_ids):
            self._recorded[scope] += ids

    async def flush(self) -> None:
        """Append the recorded memories to the stream. If Redis fails, they are dropped: a read must not fail for it."""
        recorded, self._recorded = self._recorded, defaultdict(list)
        if not recorded:
            return
        try:
            with redis_wrapped():
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for scope, ids in recorded.items():
                        for start in range(0, len(ids), MAX_USED):
                            event = _event(scope, ids[start : start + MAX_USED])
                            pipeline.xadd(stream(Subject.MEMORY), {DATA_FIELD: event})
                    await pipeline.execute()
        except (TransientError, PermanentError) as error:
            log.warning("retrievals are not counted", scopes=len(recorded), reason=str(error))


def _event(scope: MemoryScope, memory_ids: Iterable[UUID]) -> bytes:
    return encode(
        RetrievedRequest(
            request_id=uuid4().hex,
            tenant_id=scope.tenant_id,
            agent_id=scope.agent_id,
            user_id=scope.user_id,
            memory_ids=tuple(memory_ids),
        )
    )
