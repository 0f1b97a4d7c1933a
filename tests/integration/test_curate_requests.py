"""Requests on the stream: refusals, repetitions, order, and outages."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationTimeout, Curator
from eunoe_schema.codec import encode
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import NewMemory, RelationType
from eunoe_schema.memory.remember import Remembered, RememberRequest
from eunoe_schema.memory.reply import MemoryReply, ProblemCode
from eunoe_schema.streams import DATA_FIELD, Group, Subject, reply_channel, stream
from eunoe_tests.curation import curating, memory_scope, quick, remembered
from eunoe_tests.events import AGENT
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, dead
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

CHANNEL = reply_channel("test")
MEMORY = stream(Subject.MEMORY)


class Replies:
    """Messages of one pub/sub channel."""

    def __init__(self, redis: Redis) -> None:
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)

    async def open(self) -> None:
        """Subscribe."""
        await self._pubsub.subscribe(CHANNEL)

    async def next(self) -> MemoryReply:
        """Return the next reply."""

        async def message() -> dict[str, Any]:
            return cast("dict[str, Any] | None", await self._pubsub.get_message(timeout=0.1)) or {}

        return MemoryReply.model_validate_json((await wait_until(message, what="a reply"))["data"])

    async def close(self) -> None:
        """Unsubscribe."""
        await self._pubsub.aclose()


@pytest.fixture
async def replies(redis: Redis) -> AsyncIterator[Replies]:
    """A subscribed reply channel."""
    replies = Replies(redis)
    await replies.open()
    yield replies
    await replies.close()


def request_of(tenant: UUID, content: str, **changes: Any) -> dict[str, Any]:
    """Return a request as a client in any language would write it."""
    return {
        "kind": "remember",
        "request_id": uuid4().hex,
        "reply_to": CHANNEL,
        "tenant_id": str(tenant),
        "agent_id": str(AGENT),
        "user_id": "ada",
        "memories": [{"content": content}],
        **changes,
    }


async def send(redis: Redis, request: dict[str, Any]) -> None:
    """Append a request to the stream."""
    await redis.xadd(MEMORY, {DATA_FIELD: json.dumps(request)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memories": [{"content": ""}]}, "remember.memories.0.content: String should have at least 1 character"),
        ({"memories": [{"content": "x" * 8193}]}, "remember.memories.0.content: String should have at most 8192"),
        ({"memories": [{"content": " \n"}]}, "holds nothing but white space"),
        ({"memories": []}, "remember.memories: Tuple should have at least 1 item"),
        ({"agent_id": None, "user_id": None}, "agent_id or user_id must be given"),
        ({"kind": "frobnicate"}, "frobnicate"),
        ({"colour": "red"}, "remember.colour: Extra inputs are not permitted"),
        ({"tenant_id": str(UUID(int=9))}, "is not a registered tenant"),
    ],
)
async def test_an_invalid_request_is_refused_and_dead_lettered(
    settings: Settings, redis: Redis, tenant: UUID, replies: Replies, change: dict[str, Any], message: str
) -> None:
    """The client gets the reason, the entry is a dead letter, and the stream is empty."""
    request = request_of(tenant, "good") | change
    async with consuming(quick(settings), Group.CURATE):
        await send(redis, {key: value for key, value in request.items() if value is not None})
        reply = await replies.next()
        await wait_until(lambda: consumed(redis, Group.CURATE))
    assert reply.request_id == request["request_id"]
    assert reply.problem is not None
    assert reply.problem.code is ProblemCode.INVALID
    assert message in reply.problem.message
    (reason,) = (await dead(redis, Group.CURATE)).values()
    assert message in reason
    assert await redis.xlen(MEMORY) == 0


async def test_a_repeated_entry_gets_the_kept_reply(
    settings: Settings, redis: Redis, tenant: UUID, replies: Replies
) -> None:
    """Twice in one batch, and again later: the change is made once."""
    request = request_of(tenant, "Once.")
    await send(redis, request)
    await send(redis, request)
    async with consuming(quick(settings), Group.CURATE):
        first, second = await replies.next(), await replies.next()
        await send(redis, request)
        third = await replies.next()
    assert first == second == third
    assert first.result is not None


async def test_a_late_change_is_made_and_a_late_question_dropped(
    settings: Settings, redis: Redis, tenant: UUID, replies: Replies
) -> None:
    """A client that repeats a change after a timeout finds it made.

    A millisecond passes before the consumer, which starts later, has even connected.
    """
    late = request_of(tenant, "Late.", deadline_seconds=0.001)
    question = {key: value for key, value in late.items() if key != "memories"} | {"kind": "list", "request_id": "q"}
    await send(redis, question)
    await send(redis, late)
    async with consuming(quick(settings), Group.CURATE):
        reply = await replies.next()
        await wait_until(lambda: consumed(redis, Group.CURATE))
    assert reply.request_id == late["request_id"]
    assert reply.result is not None
    assert await dead(redis, Group.CURATE) == {}


async def test_requests_on_one_memory_are_done_in_stream_order(settings: Settings, redis: Redis, tenant: UUID) -> None:
    """Fifty revisions of one memory in one batch, among others: the last entry on the stream wins."""
    scope = memory_scope(tenant)
    async with curating(settings) as curator:
        memory = await remembered(curator, scope, "revision -1")
    base = {key: value for key, value in request_of(tenant, "").items() if key != "memories"}
    for number in range(50):
        revision = base | {"kind": "revise", "memory_id": str(memory.id), "content": f"revision {number}"}
        await send(redis, revision | {"request_id": f"r{number}", "version": number + 1})
        await send(redis, request_of(tenant, f"beside {number}"))
    async with curating(settings) as curator:
        await wait_until(lambda: consumed(redis, Group.CURATE))
        last = await curator.get(scope, memory.id)
    assert (last.content, last.version) == ("revision 49", 51)


async def test_a_request_is_done_once_postgres_is_back(settings: Settings, tenant: UUID, database_url: str) -> None:
    """While the table cannot be written, nothing is lost or dead-lettered; a repeated request gets the same outcome."""
    scope, request_id = memory_scope(tenant), uuid4().hex
    new = NewMemory(content="Ada likes tea.")
    async with curating(settings) as curator:
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute("ALTER TABLE memories RENAME TO memories_away")
            with pytest.raises(CurationTimeout, match=request_id):
                await curator.remember(scope, new, request_id=request_id, deadline=1)
            await connection.execute("ALTER TABLE memories_away RENAME TO memories")
        finally:
            await connection.close()
        (made,) = await curator.remember(scope, new, request_id=request_id, deadline=30)
        assert made.created
        assert (await curator.get(scope, made.id)).confidence == new.confidence


async def test_a_request_may_be_repeated_while_it_runs(
    settings: Settings, redis: Redis, tenant: UUID, redis_url: str
) -> None:
    """Of three calls with one request id one is cancelled; the others get the same outcome."""
    scope, new = memory_scope(tenant), NewMemory(content="Ada likes tea.")
    async with await Curator.connect(redis_url) as curator:

        def ask(deadline: float) -> asyncio.Task[tuple[Remembered, ...]]:
            return asyncio.create_task(curator.remember(scope, new, request_id="r", deadline=deadline))

        asked = [ask(60), ask(0.2), ask(60)]
        with pytest.raises(CurationTimeout):
            await asked[1]
        async with consuming(quick(settings), Group.CURATE):
            (first,), (last,) = await asked[0], await asked[2]
            await wait_until(lambda: consumed(redis, Group.CURATE))
    assert first == last
    assert first.created


async def test_an_empty_request_id_is_refused(tenant: UUID, redis_url: str) -> None:
    """It would look like an id of the caller, and make each call another request."""
    async with await Curator.connect(redis_url) as curator:
        with pytest.raises(InvalidEvent, match="request_id"):
            await curator.remember(memory_scope(tenant), NewMemory(content="x"), request_id="", deadline=1)


async def test_contradicting_fields_are_named(tenant: UUID, redis_url: str) -> None:
    """The refusal names the contradicting fields, without the rest of the request."""
    one = UUID(int=1)
    async with await Curator.connect(redis_url) as curator:
        with pytest.raises(InvalidEvent) as refused:
            await curator.relations.relate(memory_scope(tenant), one, RelationType.CAUSES, one)
    assert str(refused.value) == "from_id and to_id are the same: a memory is not related to itself"


async def test_a_text_that_the_model_rejects_fails_its_request_alone(
    settings: Settings, redis: Redis, tenant: UUID, replies: Replies
) -> None:
    """The other requests of the batch are done; this one is refused with a reason and dead-lettered."""
    await send(redis, request_of(tenant, "good"))
    bad = request_of(tenant, "[[eunoe-test: raise]]")
    await send(redis, bad)
    await send(redis, request_of(tenant, "good too"))
    async with consuming(quick(settings), Group.CURATE):
        answers = {reply.request_id: reply for reply in [await replies.next() for _ in range(3)]}
        await wait_until(lambda: consumed(redis, Group.CURATE))
    refused = answers.pop(bad["request_id"])
    assert refused.problem is not None
    assert "the model cannot embed the text" in refused.problem.message
    assert all(reply.result is not None for reply in answers.values())
    assert len(await dead(redis, Group.CURATE)) == 1


async def test_the_client_sends_valid_requests(redis: Redis, tenant: UUID, redis_url: str) -> None:
    """An appended request decodes to its model, and has the reply channel and the deadline."""
    async with await Curator.connect(redis_url) as curator:
        with pytest.raises(CurationTimeout):
            await curator.remember(memory_scope(tenant), NewMemory(content="x"), request_id="r", deadline=0.2)
    ((_, fields),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(MEMORY))
    request = RememberRequest.model_validate_json(fields[DATA_FIELD.encode()])
    assert encode(request) == fields[DATA_FIELD.encode()]
    assert (request.request_id, request.deadline_seconds) == ("r", 0.2)
