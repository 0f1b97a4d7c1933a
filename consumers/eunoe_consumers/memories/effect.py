"""The effect of the group `curate`: each request of a batch done once, in a transaction of its own, and answered."""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from uuid import UUID

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.memories.answer import RequestExecutor
from eunoe_consumers.memories.retrieval_log import RetrievalLog
from eunoe_consumers.memories.stream_order import Place, StreamOrder
from eunoe_consumers.memories.thread_sessions import ThreadSessions
from eunoe_consumers.postgres.memories import Embedded
from eunoe_schema.codec import Refusal, decode, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.base import AnyRequest
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.read import GetRequest, SearchRequest, SearchResult
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.memory.sessions import CloseSessionRequest, SessionResult
from eunoe_schema.recall import ReplyAddress

log = structlog.stdlib.get_logger()


class CurateMemories:
    """Does the requests of a batch concurrently; those that touch the same memory in the order of the stream."""

    def __init__(self, redis: Redis, answerer: RequestExecutor) -> None:
        self._redis = redis
        self._answerer = answerer
        self._order = StreamOrder()
        self._retrievals = RetrievalLog(redis)
        self._threads = ThreadSessions(redis)

    async def __call__(self, batch: Sequence[Delivered[AnyRequest]]) -> Mapping[str, EunoeError]:
        """Do a batch; the requests that could not be done, or not answered, are named with the error.

        Raises:
            TransientError: If not one of them could be done for now: the batch is kept in hand.
        """
        with redis_wrapped():
            seconds, microseconds = await self._redis.time()
        now_ms = seconds * 1000 + microseconds / 1000
        ordered = sorted(batch, key=lambda delivered: delivered.order)
        places = [self._order.join(delivered.event.touches) for delivered in ordered]
        outcomes = await asyncio.gather(
            *(self._do(delivered, place, now_ms) for delivered, place in zip(ordered, places, strict=True))
        )
        await self._retrievals.tell()
        named = zip(ordered, outcomes, strict=True)
        failures = {delivered.id: error for delivered, error in named if error is not None}
        if len(failures) == len(batch) and all(isinstance(error, TransientError) for error in failures.values()):
            raise next(iter(failures.values()))
        return failures

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Tell the client why its request was refused, where the entry says whom to tell."""
        address = decode(entry.fields, ReplyAddress)
        if not isinstance(address, Refusal):
            with contextlib.suppress(TransientError):  # the dead letter keeps the reason; the client has its deadline
                await self._reply(address.reply_to, _problem(address.request_id, ProblemCode.INVALID, reason))

    async def _do(self, delivered: Delivered[AnyRequest], place: Place, now_ms: float) -> EunoeError | None:
        request = delivered.event
        queued_ms = max(0.0, now_ms - delivered.order.milliseconds)  # both by the clock of Redis
        expired = not request.changes and queued_ms >= request.deadline_seconds * 1000
        # Begun before its turn: who has to wait for others does not keep the model waiting.
        embedding = asyncio.ensure_future(_nothing() if expired else self._answerer.embed(request))
        try:
            async with self._order.turn(place):
                if expired:
                    log.info("expired", entry_id=delivered.id, queued_ms=round(queued_ms))
                    return None  # nobody waits for it any more, and it would change nothing
                return await self._answer(delivered, embedding)
        finally:
            embedding.cancel()

    async def _answer(
        self, delivered: Delivered[AnyRequest], embedding: Awaitable[Mapping[str, Embedded]]
    ) -> EunoeError | None:
        request = delivered.event
        failure: EunoeError | None = None
        try:
            reply = await self._answerer.answer(request, await embedding)
        except TransientError as error:
            return error
        except PermanentError as error:
            reply, failure = _problem(request.request_id, ProblemCode.INVALID, str(error)), error
        except Exception as error:
            # A bug of ours that this request meets must not undo its neighbours: it is buried, and its client told.
            log.exception("a request failed", entry_id=delivered.id, kind=request.kind)
            message = f"unforeseen {type(error).__name__}; the consumers' log says more"
            reply, failure = _problem(request.request_id, ProblemCode.FAILED, message), PermanentError(message)
        try:
            if isinstance(request, CloseSessionRequest) and isinstance(reply.result, SessionResult):
                await self._threads.leave(request.tenant_id, reply.result.session)
            if request.reply_to is not None:
                await self._reply(request.reply_to, reply)
            elif reply.problem is not None:
                log.info("refused", entry_id=delivered.id, kind=request.kind, code=str(reply.problem.code))
        except (TransientError, PermanentError) as error:
            return failure or error  # done, and answered from what was kept when it comes again
        if isinstance(request, GetRequest | SearchRequest):
            self._retrievals.note(request.scope, _returned(reply))
        return failure

    async def _reply(self, channel: str, reply: MemoryReply) -> None:
        with redis_wrapped():
            if not await self._redis.publish(channel, encode(reply)):
                log.info("nobody listens", channel=channel, request_id=reply.request_id)


def _returned(reply: MemoryReply) -> list[UUID]:
    """Return the memories that a reply hands out to be read."""
    match reply.result:
        case MemoryResult(memory=memory):
            return [memory.id]
        case SearchResult(found=found):
            return [one.memory.id for one in found]
        case _:
            return []


def _problem(request_id: str, code: ProblemCode, message: str) -> MemoryReply:
    return MemoryReply(request_id=request_id, problem=Problem(code=code, message=message))


async def _nothing() -> Mapping[str, Embedded]:
    return {}
