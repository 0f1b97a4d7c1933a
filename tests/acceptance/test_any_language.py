"""Publish and recall with a plain Redis client and the AsyncAPI document, without Eunoe's Python client."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
import yaml
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from eunoe_tests.processes import Clis
from eunoe_tests.waiting import wait_until

_DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "asyncapi.yaml").read_text(encoding="utf-8"))
_AGENT = "22222222-2222-4222-8222-222222222222"
_CLIENT = "test-any-language"


class AnyClient:
    """A client as another language would have it: Redis commands, JSON, and the names of the document."""

    def __init__(self, redis: Redis, tenant: UUID) -> None:
        self._commands: Any = redis  # redis-py types the reply of a raw command as unknown
        self._pubsub: PubSub = redis.pubsub(ignore_subscribe_messages=True)
        self._scope = {"tenant_id": str(tenant), "agent_id": _AGENT, "user_id": "ada"}
        self.reply_to: str = _DOCUMENT["channels"]["replies"]["address"].replace("{client}", _CLIENT)

    async def open(self) -> None:
        """Listen for replies before the first request."""
        await self._pubsub.subscribe(self.reply_to)

    async def close(self) -> None:
        """Stop listening."""
        await self._pubsub.aclose()

    async def append(self, operation: str, payload: dict[str, Any]) -> str:
        """Append the example of an operation with some members changed, and return the entry id."""
        channel = _follow(_DOCUMENT["operations"][operation]["channel"])
        (message,) = (_follow(found) for found in channel["messages"].values())
        body = message["examples"][0]["payload"]
        entry = channel["x-redis"]
        reply = await self._commands.execute_command(
            entry["send"], channel["address"], entry["id"], entry["field"], json.dumps(body | self._scope | payload)
        )
        return reply.decode()

    async def publish(self, event_id: str, content: str, *, role: str = "user") -> str:
        """Publish a message; return its entry id."""
        event = {"event_id": event_id, "content": content, "role": role}
        return await self.append("takeMessage", event)

    async def ask(self, request_id: str, **members: object) -> dict[str, Any]:
        """Send a request and return its reply."""
        request = {"request_id": request_id, "reply_to": self.reply_to, "deadline_seconds": 20} | members
        await self.append("answerRecall", request)
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            message = cast("dict[str, Any] | None", await self._pubsub.get_message(timeout=1.0))
            if message is not None and (reply := json.loads(message["data"]))["request_id"] == request_id:
                return reply
        raise AssertionError(f"no reply to {request_id}")


def _follow(place: dict[str, Any]) -> dict[str, Any]:
    """Resolve a reference of the document."""
    found: Any = _DOCUMENT
    for part in place["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.fixture
async def client(redis: Redis, tenant: UUID) -> AsyncIterator[AnyClient]:
    """Return a client of the test's tenant."""
    client = AnyClient(redis, tenant)
    await client.open()
    yield client
    await client.close()


async def test_a_plain_redis_client_publishes_and_recalls(clis: Clis, client: AnyClient) -> None:
    """A client that follows the document gets the window and the best turn from real consumers."""
    await clis.consume("window", "embed", "recall")
    said = ["My cat is called Minka.", "I moved to Graz in May.", "The printer on the third floor is broken."]
    entry_ids = [await client.publish(f"said-{number}", content) for number, content in enumerate(said)]
    asked = await client.publish("asked", "What is the name of my pet?")

    reply = await client.ask("r-1", query="What is the name of my pet?", after=asked, exclude=["asked"])
    context = reply["context"]
    assert "error" not in reply
    assert context["freshness"] | {"waited_ms": 0} == {
        "latest_entry_id": asked,
        "after": asked,
        "applied": True,
        "waited_ms": 0,
    }
    assert [(message["id"], message["content"]) for message in context["window"]] == list(
        zip(entry_ids, said, strict=True)
    )

    async def answered() -> list[dict[str, Any]]:
        # The question is itself a message, and the most similar one, so it is excluded.
        asked_again = {"query": "What is the name of my pet?", "exclude": ["asked"], "window": 0, "top_k": 1}
        attempt = await client.ask(f"r-{time.monotonic_ns()}", **asked_again)
        return [turn for turn in attempt["context"]["turns"] if turn["event_id"] == "said-0"]

    (turn,) = await wait_until(answered, what="the embedded message among the turns")
    assert turn["content"] == said[0]
    assert turn["entry_id"] == entry_ids[0]


async def test_the_examples_of_the_document_are_accepted_unchanged(clis: Clis, client: AnyClient) -> None:
    """A copied example needs only new ids. Its optional members arrive, too."""
    await clis.consume("window", "recall")
    entry_id = await client.append("takeMessage", {})

    async def applied() -> list[dict[str, Any]]:
        reply = await client.ask(f"r-{time.monotonic_ns()}", query="?")
        return reply["context"]["window"]

    (message,) = await wait_until(applied, what="the example in the window")
    assert message["id"] == entry_id
    sent = _DOCUMENT["components"]["messages"]["messageEvent"]["examples"][0]["payload"]
    for member in ("event_id", "role", "content", "session_id", "speaker"):
        assert message[member] == sent[member]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"top_k": 1_000}, "top_k"),
        ({"question": "?"}, "question"),
        ({"tenant_id": "99999999-9999-4999-8999-999999999999"}, "99999999-9999-4999-8999-999999999999"),
    ],
)
async def test_an_invalid_request_gets_an_error_reply(
    clis: Clis, client: AnyClient, change: dict[str, object], reason: str
) -> None:
    """A request that violates the contract, or names an unknown tenant, is answered with the reason."""
    await clis.consume("recall")
    reply = await client.ask("r-1", query="?", **change)
    assert reply.keys() == {"request_id", "error"}
    assert reason in reply["error"]


async def test_an_invalid_message_becomes_a_documented_dead_letter(clis: Clis, client: AnyClient, redis: Redis) -> None:
    """The message and the reason are in the dead-letter streams and fields that the document names."""
    text: str = _DOCUMENT["info"]["description"]
    names = {"eunoe:dead:window", "eunoe:dead:embed"}
    fields = ("reason", "stream", "entry_id", "group")
    assert all(f"`{name}`" in text for name in (*names, *fields))
    await clis.consume("window", "embed")
    entry_id = await client.append("takeMessage", {"role": "system"})

    async def dead_lettered() -> bool:
        return all([await redis.xlen(name) for name in names])

    await wait_until(dead_lettered)
    for name in names:
        ((_, letter),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(name))
        assert letter[b"entry_id"].decode() == entry_id
        assert letter[b"stream"].decode() == _DOCUMENT["channels"]["messages"]["address"]
        assert letter[b"group"].decode() == name.rpartition(":")[2]
        assert b"role" in letter[b"reason"]
        assert json.loads(letter[b"entry:__data__"])["role"] == "system"
