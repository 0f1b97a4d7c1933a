"""The effect of the group `recall`: a reply to each request, partial rather than none."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio import Redis

from eunoe_consumers.connections import redis_wrapped
from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.errors import TransientError
from eunoe_consumers.recall.answer import Answerer
from eunoe_schema.codec import Refusal, decode, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.recall import RecallReply, RecallRequest, ReplyAddress

log = structlog.stdlib.get_logger()


class AnswerRequests:
    """Answers the requests of a batch, each as soon as it can."""

    def __init__(self, redis: Redis, answerer: Answerer) -> None:
        self._redis = redis
        self._answerer = answerer

    async def __call__(self, batch: Sequence[Delivered[RecallRequest]]) -> Mapping[str, EunoeError]:
        """Answer a batch; the requests whose reply could not be sent are named with the error."""
        with redis_wrapped():
            seconds, microseconds = await self._redis.time()
        now_ms = seconds * 1000 + microseconds / 1000
        outcomes = await asyncio.gather(*(self._answer(delivered, now_ms) for delivered in batch))
        return {delivered.id: error for delivered, error in zip(batch, outcomes, strict=True) if error is not None}

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Tell the client why its request was refused, where the entry says whom to tell."""
        address = decode(entry.fields, ReplyAddress)
        if not isinstance(address, Refusal):
            with contextlib.suppress(TransientError):  # the dead letter keeps the reason; the client has its deadline
                await self._reply(address.reply_to, RecallReply(request_id=address.request_id, error=reason))

    async def _answer(self, delivered: Delivered[RecallRequest], now_ms: float) -> EunoeError | None:
        request = delivered.event
        queued_ms = max(0.0, now_ms - delivered.order.milliseconds)  # both by the clock of Redis
        if queued_ms >= request.deadline_seconds * 1000:
            log.info("expired", entry_id=delivered.id, queued_ms=round(queued_ms))
            return None  # nobody waits for it any more
        context = await self._answerer.answer(request, queued_ms=queued_ms)
        try:
            await self._reply(request.reply_to, RecallReply(request_id=request.request_id, context=context))
        except TransientError as error:
            return error
        return None

    async def _reply(self, channel: str, reply: RecallReply) -> None:
        with redis_wrapped():
            if not await self._redis.publish(channel, encode(reply)):
                log.info("nobody listens", channel=channel, request_id=reply.request_id)
