"""Request and reply: a client appends requests to a stream and receives all replies on one pub/sub channel."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator
from typing import Generic, Self, TypedDict, TypeVar, cast
from uuid import uuid4

from pydantic import ValidationError
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from eunoe_producers.connection import Client, is_transient, open_redis, retry
from eunoe_producers.errors import RedisUnavailable
from eunoe_schema.cancellation import raise_if_cancelled
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.streams import reply_channel

ReplyT = TypeVar("ReplyT", bound=RecallReply | MemoryReply)

DEFAULT_CONNECT_SECONDS = 30.0
_RECONNECT_SECONDS = 0.2
_POLL_SECONDS = 1.0


class _Message(TypedDict):
    """The only part of a pub/sub message that is read."""

    data: bytes


class ReplyChannel(Generic[ReplyT]):
    """Subscribes to the channel `name` and hands each reply to the caller that waits for it."""

    def __init__(self, redis: Redis, name: str, model: type[ReplyT]) -> None:
        self.name = name
        self._model = model
        self._waiting: defaultdict[str, set[asyncio.Future[ReplyT]]] = defaultdict(set)
        self._pubsub: PubSub = redis.pubsub(ignore_subscribe_messages=True)
        self._listener: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe, and start listening."""
        await self._pubsub.subscribe(self.name)
        self._start_listener()

    async def close(self) -> None:
        """Stop listening, and cancel the requests in flight."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})
        for future in self._futures():
            future.cancel()
        await self._pubsub.aclose()

    async def ask(self, request_id: str, send: Callable[[], Awaitable[None]], *, seconds: float, place: str) -> ReplyT:
        """Send a request and return its reply.

        Args:
            request_id: The id that the reply repeats.
            send: Appends the request to its stream.
            seconds: The deadline for sending and reply together.
            place: The URL of the server without its password, for error messages.

        Raises:
            TimeoutError: If the request was sent, but no reply came within the deadline.
            RedisUnavailable: If Redis did not take the request within the deadline.
        """
        sent = False
        with self._expect(request_id) as reply:
            try:
                async with asyncio.timeout(seconds):
                    await send()
                    sent = True
                    return await reply
            except TimeoutError as error:
                if sent:
                    raise
                raise RedisUnavailable(f"Redis at {place} did not take the request within {seconds:g} s") from error

    @contextlib.contextmanager
    def _expect(self, request_id: str) -> Generator[asyncio.Future[ReplyT]]:
        """Yield the future of a reply. A reply that arrives after the block is dropped.

        Several callers may wait for the same reply, because a request may be repeated while the first one waits.
        """
        if self._listener is None or self._listener.done():  # an error ended it, and the error may have passed
            self._start_listener()
        future: asyncio.Future[ReplyT] = asyncio.get_running_loop().create_future()
        self._waiting[request_id].add(future)
        try:
            yield future
        finally:
            self._waiting[request_id].discard(future)
            if not self._waiting[request_id]:
                del self._waiting[request_id]

    def _start_listener(self) -> None:
        self._listener = asyncio.create_task(self._listen(), name=f"replies on {self.name}")

    async def _listen(self) -> None:
        """Deliver replies until cancelled. After a lost connection, redis-py subscribes again by itself."""
        while True:
            try:
                message = cast("_Message | None", await self._pubsub.get_message(timeout=_POLL_SECONDS))
            except (RedisError, OSError) as error:
                if not is_transient(error):
                    self._fail(RedisUnavailable(f"the reply channel is closed: {error}"))
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
            return  # anybody may publish on the channel; only the sender can know which request this was for
        for future in self._waiting.get(reply.request_id, ()):
            if not future.done():
                future.set_result(reply)

    def _fail(self, error: Exception) -> None:
        for future in self._futures():
            if not future.done():
                future.set_exception(error)

    def _futures(self) -> list[asyncio.Future[ReplyT]]:
        return [future for futures in self._waiting.values() for future in futures]


class RequestClient(Client, Generic[ReplyT]):
    """The base of the clients that send requests: a connection to Redis and one reply channel."""

    def __init__(self, redis: Redis, replies: ReplyChannel[ReplyT], *, place: str) -> None:
        self._redis = redis
        self._replies = replies
        self._place = place

    @classmethod
    async def _connect(cls, url: str, model: type[ReplyT], *, retry_seconds: float) -> Self:
        """Connect to Redis and open the reply channel.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis did not answer for `retry_seconds`.
        """
        redis, place = open_redis(url), mask_passwords(url)
        replies = ReplyChannel(redis, reply_channel(uuid4().hex), model)
        try:
            await retry(replies.open, seconds=retry_seconds, place=place)
        except EunoeError:
            await replies.close()
            await redis.aclose()
            raise
        return cls(redis, replies, place=place)

    async def close(self) -> None:
        """Close the reply channel and the connections."""
        await self._replies.close()
        await self._redis.aclose()
