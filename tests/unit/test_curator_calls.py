"""What the curated-memory client sends, and how it reports a mistake in a call."""

import asyncio
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_producers import Curator
from eunoe_producers.memory.client import MemoryClient
from eunoe_producers.replies import ReplyChannel
from eunoe_schema.codec import Refusal
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.memory import MemoryScope, NewMemory
from eunoe_schema.memory.base import AnyRequest, decode_request
from eunoe_schema.memory.reply import MemoryReply

SCOPE = MemoryScope(tenant_id=UUID(int=1), user_id="ada")
MEMORY = UUID(int=2)


class FakeRedis:
    """Keeps the requests that a client appends to the stream."""

    def __init__(self) -> None:
        self.sent: list[AnyRequest] = []

    async def xadd(self, _name: str, fields: dict[str, bytes]) -> bytes:
        """Decode and keep a request."""
        request = decode_request({name.encode(): value for name, value in fields.items()})
        assert not isinstance(request, Refusal)
        self.sent.append(request)
        return b"1-0"

    def pubsub(self, **_options: object) -> "FakeRedis":
        """Return a reply channel that stays silent."""
        return self

    async def get_message(self, timeout: float) -> None:  # noqa: ASYNC109 - redis-py's signature
        """Wait in vain."""
        await asyncio.sleep(timeout)


@pytest.fixture
def redis() -> FakeRedis:
    """Return a Redis whose stream can be read."""
    return FakeRedis()


@pytest.fixture
def curator(redis: FakeRedis) -> Curator:
    """Return a client of that Redis."""
    server = cast("Redis", redis)
    return Curator(MemoryClient(server, ReplyChannel(server, "replies", MemoryReply), place="here"))


async def test_reports_need_no_reply(curator: Curator, redis: FakeRedis) -> None:
    """A report is sent without a reply channel, with the caller's request id, or with a new one."""
    await curator.injected(SCOPE, MEMORY)
    await curator.feedback(SCOPE, MEMORY, useful=True, request_id="mine", deadline=9)
    injected, feedback = redis.sent
    assert injected.reply_to is None
    assert (feedback.request_id, feedback.reply_to, feedback.deadline_seconds) == ("mine", None, 9)
    assert injected.request_id != feedback.request_id


async def test_an_unknown_option_is_a_type_error(curator: Curator, redis: FakeRedis) -> None:
    """A misspelt option must not be ignored, although every method takes its options as keywords."""
    misspelt: dict[str, Any] = {"dead_line": 1}
    for call in (
        curator.get(SCOPE, MEMORY, **misspelt),
        curator.remember(SCOPE, NewMemory(content="Tea."), **misspelt),
        curator.administration.search(SCOPE.tenant_id, "tea", **misspelt),
        curator.injected(SCOPE, MEMORY, **misspelt),
    ):
        with pytest.raises(TypeError, match="dead_line"):
            await call
    assert redis.sent == []


async def test_a_call_that_breaks_the_contract_is_refused_before_it_is_sent(curator: Curator, redis: FakeRedis) -> None:
    """The error names the member and the mistake."""
    for call, message in (
        (curator.get(SCOPE, MEMORY, deadline=61), "deadline_seconds: Input should be less than or equal to 60"),
        (curator.tag(SCOPE, MEMORY), "tags: "),
        (curator.merge(SCOPE, [MEMORY], NewMemory(content="Tea.")), "memory_ids: "),
        (curator.administration.search(SCOPE.tenant_id), "give either words"),
        (curator.request("nonsense", {}), "no request of the kind 'nonsense'"),
        (curator.request("get", {"tenant_id": SCOPE.tenant_id}), "memory_id: Field required"),
    ):
        with pytest.raises(InvalidEvent, match=message):
            await call
    assert redis.sent == []


@pytest.mark.parametrize(
    ("kind", "members"),
    [("purge", {"memory_id": str(MEMORY)}), ("restore", {"memory_id": str(MEMORY), "version": 3})],
)
async def test_a_request_of_any_kind_can_be_sent_by_its_json(
    curator: Curator, redis: FakeRedis, kind: str, members: dict[str, object]
) -> None:
    """The client adds how the request is sent; the caller cannot set another reply channel."""
    scope = {**SCOPE.model_dump(mode="json", exclude_none=True), "reply_to": "somebody else's"}
    with pytest.raises(EunoeError, match="no reply"):
        await curator.request(kind, {**scope, **members}, deadline=0.01)
    (request,) = redis.sent
    assert (request.kind, request.reply_to) == (kind, "replies")
    assert request.model_dump(mode="json", include=set(members)) == members
