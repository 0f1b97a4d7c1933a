"""One shared reply channel: any number of requests in flight, each with its future."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Generator
from typing import Generic, TypedDict, TypeVar, cast

from pydantic import ValidationError
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from eunoe_producers.connection import is_transient
from eunoe_producers.errors import RedisUnavailable
from eunoe_schema.cancellation import raise_if_cancelled
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply

ReplyT = TypeVar("ReplyT", RecallReply, MemoryReply)

_RECONNECT_SECONDS = 0.2
_POLL_SECONDS = 1.0


class Message(TypedDict):
    """The part of a pub/sub message that matters here."""

    data: bytes


class ReplyChannel(Generic[ReplyT]):
    """Subscribe once to `name` and hand each reply to the request that waits for it."""

    def __init__(self, redis: Redis, name: str, model: type[ReplyT]) -> None:
        self.name = name
        self._model = model
        self._waiting: defaultdict[str, set[asyncio.Future[ReplyT]]] = defaultdict(set)
        self._pubsub: PubSub = redis.pubsub(ignore_subscribe_messages=True)
        self._listener: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe, and listen until closed."""
        await self._pubsub.subscribe(self.name)
        self._listen_again()

    def _listen_again(self) -> None:
        self._listener = asyncio.create_task(self._listen(), name=f"replies on {self.name}")

    async def close(self) -> None:
        """Stop listening; requests in flight are cancelled."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})
        for future in self._futures():
            future.cancel()
        await self._pubsub.aclose()

    @contextlib.contextmanager
    def expect(self, request_id: str) -> Generator[asyncio.Future[ReplyT]]:
        """Yield the future of a reply; a reply that comes after the block is dropped.

        Several may wait for the same one: a request may be asked again before the first time is over.
        """
        if self._listener is None or self._listener.done():  # it ended with an error that may have passed since
            self._listen_again()
        future: asyncio.Future[ReplyT] = asyncio.get_running_loop().create_future()
        self._waiting[request_id].add(future)
        try:
            yield future
        finally:
            self._waiting[request_id].discard(future)
            if not self._waiting[request_id]:
                del self._waiting[request_id]

    async def _listen(self) -> None:
        """Deliver replies; redis-py subscribes again when a lost connection is back."""
        while True:
            try:
                message = cast("Message | None", await self._pubsub.get_message(timeout=_POLL_SECONDS))
            except (RedisError, OSError) as error:
                if not is_transient(error):
                    msg = f"the reply channel is closed: {error}"
                    self._fail(RedisUnavailable(msg))
                    return
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            finally:
                raise_if_cancelled()
            if message is not None:
                self._deliver(message["data"])

    def _deliver(self, body: bytes) -> None:
        try:
            reply = self._model.model_validate_json(body)
        except ValidationError:
            return  # not ours: anyone may publish on a channel; the request it was meant for runs into its deadline
        for future in self._waiting.get(reply.request_id, ()):
            if not future.done():
                future.set_result(reply)

    def _fail(self, error: Exception) -> None:
        for future in self._futures():
            if not future.done():
                future.set_exception(error)

    def _futures(self) -> list[asyncio.Future[ReplyT]]:
        return [future for futures in self._waiting.values() for future in futures]
