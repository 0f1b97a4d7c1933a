"""Freeze consumers while they have entries in flight, and wake them later."""

import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypedDict, cast

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from eunoe_schema.recall import RecallReply
from eunoe_schema.streams import Group, reply_channel, stream
from eunoe_tests.processes import Cli
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until


def freeze(cli: Cli) -> None:
    """Suspend a process with SIGSTOP: it is alive, and does nothing."""
    cli.process.send_signal(signal.SIGSTOP)


def wake(cli: Cli) -> None:
    """Continue a frozen process with SIGCONT."""
    cli.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def turns_locked(database_url: str) -> AsyncGenerator[None]:
    """Make every reader and writer of turns wait until the block ends."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE conversation_embeddings IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def frozen_with_entries(
    redis: Redis, cli: Cli, group: Group, append: Callable[[int], Awaitable[object]]
) -> tuple[int, int]:
    """Freeze the only consumer of a group, so that entries are delivered to it and it does not see them.

    Redis answers a waiting XREADGROUP although the reader is frozen. A reader may be frozen between two reads; then
    nothing is delivered. In that case the consumer is woken to finish the entries, and the next attempt appends others.

    Args:
        redis: A client of the Redis with the streams.
        cli: The only consumer of the group, idle.
        group: The group.
        append: Appends entries in one step. Its argument is the number of the attempt.

    Returns:
        The number of the successful attempt, and the number of pending entries.
    """
    for attempt in range(20):
        freeze(cli)
        await append(attempt)
        held = await redis.xpending(stream(group.subject), group)
        if held["pending"]:
            return attempt, int(held["pending"])
        wake(cli)
        await wait_until(lambda: consumed(redis, group))
    raise AssertionError("no entry was delivered to the frozen consumer in 20 attempts")


class Message(TypedDict):
    """The used part of a pub/sub message."""

    data: bytes


class Replies:
    """Counts the replies to all clients by request id."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._counted: Counter[str] = Counter()

    async def counted(self) -> Counter[str]:
        """Return the number of replies so far, by request id."""
        while message := cast("Message | None", await self._pubsub.get_message(timeout=0.1)):
            reply = RecallReply.model_validate_json(message["data"])
            self._counted[reply.request_id] += 1
        return self._counted


@asynccontextmanager
async def replies_counted(redis: Redis) -> AsyncGenerator[Replies]:
    """Listen to the replies of every client."""
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe(reply_channel("*"))
        await pubsub.get_message(timeout=None)  # the confirmation of the subscription
        yield Replies(pubsub)
