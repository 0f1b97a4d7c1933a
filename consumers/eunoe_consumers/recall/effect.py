"""The effect of the group `recall`: reply to each request, with a part of the context if some parts are late."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import cast

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.delivery.retrieval_log import RetrievalLog
from eunoe_consumers.errors import TransientError
from eunoe_consumers.recall.answer import RecallAnswerer
from eunoe_schema.codec import Refusal, decode, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.lua import register_lua
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.recall import RecallReply, RecallRequest, ReplyAddress
from eunoe_schema.streams import Group, stream

log = structlog.stdlib.get_logger()


class AnswerRequests:
    """Answers the requests of a batch at the same time, and sends each reply as soon as it is ready."""

    def __init__(self, redis: Redis, answerer: RecallAnswerer) -> None:
        self._redis = redis
        self._answerer = answerer
        self._retrievals = RetrievalLog(redis)
        self._reply_once = register_lua(redis, "eunoe_consumers.recall", "reply")

    async def __call__(self, batch: Sequence[Delivered[RecallRequest]]) -> Mapping[str, EunoeError]:
        """Answer a batch. Return the errors of replies that could not be sent, by entry id."""
        with redis_wrapped():
            seconds, microseconds = await self._redis.time()
        now_ms = seconds * 1000 + microseconds / 1000
        outcomes = await asyncio.gather(*(self._answer(delivered, now_ms) for delivered in batch))
        await self._retrievals.flush()
        return {delivered.id: error for delivered, error in zip(batch, outcomes, strict=True) if error is not None}

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Send the reason for a refusal to the client, if the entry has a reply channel."""
        address = decode(entry.fields, ReplyAddress)
        if not isinstance(address, Refusal):
            with contextlib.suppress(TransientError):  # the dead letter keeps the reason
                reply = RecallReply(request_id=address.request_id, error=reason)
                with redis_wrapped():
                    await self._redis.publish(address.reply_to, encode(reply))

    async def _answer(self, delivered: Delivered[RecallRequest], now_ms: float) -> EunoeError | None:
        request = delivered.event
        queued_ms = max(0.0, now_ms - delivered.order.milliseconds)  # both by the clock of Redis
        if queued_ms >= request.deadline_seconds * 1000:
            log.info("expired", entry_id=delivered.id, queued_ms=round(queued_ms))
            return None  # the client has stopped waiting
        context = await self._answerer.answer(request, asked_at=delivered.order.time, queued_ms=queued_ms)
        reply = RecallReply(request_id=request.request_id, context=context)
        try:
            with redis_wrapped():
                received = await self._reply_once(
                    [stream(Group.RECALL.subject)], [Group.RECALL, delivered.id, request.reply_to, encode(reply)]
                )
        except TransientError as error:
            return error
        if cast("int", received) == 0:
            log.info("no subscriber", channel=request.reply_to, request_id=request.request_id)
        else:
            self._retrievals.record(MemoryScope.of(request.scope), [memory.id for memory in context.memories])
        return None
