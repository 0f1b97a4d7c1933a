"""The effect of the group `curate`: do each request of a batch once, in its own transaction, and reply."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.delivery.retrieval_log import RetrievalLog
from eunoe_consumers.embedding.coalescing import Vector
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.memories.executor import RequestExecutor
from eunoe_consumers.memories.handlers import HANDLERS
from eunoe_consumers.memories.kept_replies import memories_in
from eunoe_consumers.memories.stream_order import Place, StreamOrder
from eunoe_schema.codec import Refusal, decode, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.base import AnyRequest, ScopedRequest
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.recall import ReplyAddress

log = structlog.stdlib.get_logger()


class CurateMemories:
    """Does the requests of a batch concurrently; requests on the same memory in the order of the stream."""

    def __init__(self, redis: Redis, executor: RequestExecutor) -> None:
        self._redis = redis
        self._executor = executor
        self._order = StreamOrder()
        self._retrievals = RetrievalLog(redis)

    async def __call__(self, batch: Sequence[Delivered[AnyRequest]]) -> Mapping[str, EunoeError]:
        """Do a batch. Return the error of each request that could not be done or answered, by entry id.

        Raises:
            TransientError: If every request met one. The whole batch stays in hand and is tried again.
        """
        with redis_wrapped():
            seconds, microseconds = await self._redis.time()
        now_ms = seconds * 1000 + microseconds / 1000
        ordered = sorted(batch, key=lambda delivered: delivered.order)
        places = [self._order.join(delivered.event.touches) for delivered in ordered]
        outcomes = await asyncio.gather(
            *(self._do_in_turn(delivered, place, now_ms) for delivered, place in zip(ordered, places, strict=True))
        )
        await self._retrievals.flush()
        failures = {
            delivered.id: error for delivered, error in zip(ordered, outcomes, strict=True) if error is not None
        }
        if len(failures) == len(batch) and all(isinstance(error, TransientError) for error in failures.values()):
            raise next(iter(failures.values()))
        return failures

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Send the reason of a refused entry to the client, if the entry names a reply channel."""
        address = decode(entry.fields, ReplyAddress)
        if not isinstance(address, Refusal):
            with contextlib.suppress(TransientError):  # the dead letter keeps the reason; the client has its deadline
                await self._send(address.reply_to, _problem(address.request_id, ProblemCode.INVALID, reason))

    async def _do_in_turn(self, delivered: Delivered[AnyRequest], place: Place, now_ms: float) -> EunoeError | None:
        """Do a request after earlier requests on the same memory. Skip a read request after its deadline."""
        request = delivered.event
        queued_ms = max(0.0, now_ms - delivered.order.milliseconds)  # both by the clock of Redis
        late = not request.changes and queued_ms >= request.deadline_seconds * 1000
        # Embedding starts before the turn: a request that waits for others does not keep the model idle.
        embeddings = None if late else asyncio.ensure_future(self._executor.embed(request))
        try:
            async with self._order.turn(place):
                if embeddings is None:
                    log.info("expired", entry_id=delivered.id, queued_ms=round(queued_ms))
                    return None
                reply, failure = await self._do(delivered, embeddings)
                unsent = None if reply is None else await self._reply(delivered, reply)
                return failure or unsent
        finally:
            if embeddings is not None:
                embeddings.cancel()

    async def _do(
        self, delivered: Delivered[AnyRequest], embeddings: "asyncio.Future[Mapping[str, Vector]]"
    ) -> tuple[MemoryReply | None, EunoeError | None]:
        """Do a request. Return its final reply, if there is one, and the error of the entry, if there is one."""
        request = delivered.event
        try:
            return await self._executor.execute(request, await embeddings), None
        except TransientError as error:
            return None, error
        except PermanentError as error:
            return _problem(request.request_id, ProblemCode.INVALID, str(error)), error
        except Exception as error:
            # A defect of ours must not fail the neighbours: this entry is dead-lettered, and its client gets a reply.
            log.exception("a request failed", entry_id=delivered.id, kind=request.kind)
            message = f"unforeseen {type(error).__name__}; the consumers' log says more"
            return _problem(request.request_id, ProblemCode.FAILED, message), PermanentError(message)

    async def _reply(self, delivered: Delivered[AnyRequest], reply: MemoryReply) -> EunoeError | None:
        """Run the handler's `after_commit`, and send the reply. After an error, the redelivered entry repeats both."""
        request, handler = delivered.event, HANDLERS[type(delivered.event)]
        try:
            if handler.after_commit is not None and reply.result is not None:
                await handler.after_commit(self._redis, request, reply.result)
            if request.reply_to is not None:
                await self._send(request.reply_to, reply)
            elif reply.problem is not None:
                log.info("refused", entry_id=delivered.id, kind=request.kind, code=str(reply.problem.code))
        except (TransientError, PermanentError) as error:
            return error
        if handler.counts_as_retrieval and isinstance(request, ScopedRequest):
            self._retrievals.record(request.scope, [memory.id for memory in memories_in(reply)])
        return None

    async def _send(self, channel: str, reply: MemoryReply) -> None:
        with redis_wrapped():
            if not await self._redis.publish(channel, encode(reply)):
                log.info("no subscriber", channel=channel, request_id=reply.request_id)


def _problem(request_id: str, code: ProblemCode, message: str) -> MemoryReply:
    return MemoryReply(request_id=request_id, problem=Problem(code=code, message=message))
