"""Processes that are frozen with entries in flight, and what holds them up until they are."""

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
    """Stop a process where it stands; it is alive, and does nothing."""
    cli.process.send_signal(signal.SIGSTOP)


def wake(cli: Cli) -> None:
    """Let a frozen process go on, as if no time had passed."""
    cli.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def turns_locked(database_url: str) -> AsyncGenerator[None]:
    """Let whoever reads or writes turns wait until the block ends."""
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
    """Freeze the group's only consumer so that it is handed entries that it does not get to see.

    A read that waits at the server is answered though the reader is frozen. It waits for nearly all of the time, but
    not quite: the entries of an attempt that missed it are consumed after a wake, and others are tried.

    Args:
        redis: Where the streams are.
        cli: The group's only consumer, idle.
        group: The group.
        append: Appends entries, all at once; gets the number of the attempt.

    Returns:
        The number of the attempt that succeeded, and how many entries are pending.
    """
    for attempt in range(20):
        freeze(cli)
        await append(attempt)
        held = await redis.xpending(stream(group.subject), group)
        if held["pending"]:
            return attempt, int(held["pending"])
        wake(cli)
        await wait_until(lambda: consumed(redis, group))
    msg = "the frozen consumer was never handed an entry"
    raise AssertionError(msg)


class Message(TypedDict):
    """The part of a pub/sub message that matters here."""

    data: bytes


class Replies:
    """Counts every reply that any client was sent, by request."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._counted: Counter[str] = Counter()

    async def counted(self) -> Counter[str]:
        """Return by request id how many replies there have been so far."""
        while message := cast("Message | None", await self._pubsub.get_message(timeout=0.1)):
            reply = RecallReply.model_validate_json(message["data"])
            self._counted[reply.request_id] += 1
        return self._counted


@asynccontextmanager
async def replies_counted(redis: Redis) -> AsyncGenerator[Replies]:
    """Listen to the replies of every client."""
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe(reply_channel("*"))
        await pubsub.get_message(timeout=None)  # the confirmation
        yield Replies(pubsub)
