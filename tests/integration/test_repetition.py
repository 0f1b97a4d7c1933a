"""What is said again and again, and what changes, through the public clients and with the real model."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import MessageEvent, Turn
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
SMALL_TALK = (
    ("s0", "Good morning!"),
    ("s1", "The weather is lovely."),
    ("s2", "I had pasta for lunch."),
    ("s3", "My sister is coming on Sunday."),
)


class Memory:
    """Publishes conversations, one for each user, and recalls their turns."""

    def __init__(self, redis: Redis, gateway: Gateway, orchestrator: Orchestrator, tenant: UUID) -> None:
        self._redis = redis
        self._gateway = gateway
        self._orchestrator = orchestrator
        self._tenant = tenant

    def conversation(self, user: str, *messages: tuple[str, dict[str, Any]]) -> list[MessageEvent]:
        """Return the messages of a user as events, and further small talk."""
        scope = scope_of(self._tenant, user)
        small_talk = [event_of(scope, event_id, text) for event_id, text in SMALL_TALK]
        said = [event_of(scope, f"e{number}", text, **fields) for number, (text, fields) in enumerate(messages)]
        return said + small_talk

    async def store(self, *conversations: Sequence[MessageEvent]) -> None:
        """Publish conversations, and wait until they are stored."""
        for conversation in conversations:
            await self._gateway.publish_many(conversation)
        await wait_until(lambda: consumed(self._redis, Group.WINDOW, Group.EMBED))

    async def recall(self, user: str, query: str) -> Sequence[Turn]:
        """Return the turns for a query."""
        context = await self._orchestrator.recall(scope_of(self._tenant, user), query, window=0, deadline=20)
        assert context.missing == ()
        return context.turns

    async def first(self, user: str, query: str) -> Turn:
        """Return the first turn for a query."""
        return (await self.recall(user, query))[0]


@pytest.fixture
async def memory(settings: Settings, redis: Redis, redis_url: str, tenant: UUID) -> AsyncIterator[Memory]:
    """Running consumers, and the clients."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(settings, *Group))
        gateway = await stack.enter_async_context(await Gateway.connect(redis_url))
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(redis_url))
        yield Memory(redis, gateway, orchestrator, tenant)


def asked(times: int, *exchange: str) -> list[tuple[str, dict[str, Any]]]:
    """Return a question of the user and its reply by the assistant, several times."""
    question, reply = exchange
    return [(question, {}), (reply, {"role": "assistant"})] * times


def dated(*contents: str, days: int = 30) -> list[tuple[str, dict[str, Any]]]:
    """Return messages that are some days apart."""
    return [(text, {"occurred_at": FIRST_DAY + number * timedelta(days=days)}) for number, text in enumerate(contents)]


async def test_unanswered_questions_do_not_bury_the_answer(memory: Memory) -> None:
    """Whether asked five times or 150, in other languages, or answered in other words: the statement is first."""
    door, refusal, told = "What is the door code?", "I don't know the door code yet.", "The door code is 4711."
    cases = {
        "few": (asked(5, door, refusal), told, door),
        "many": (asked(150, door, refusal), told, door),
        "unmarked": (asked(30, "whats the door code", "You haven't told me the code."), told, "whats the door code"),
        "german": (
            asked(30, "Wie lautet der T\u00fcrcode?", "Das wei\u00df ich leider nicht."),
            "Der T\u00fcrcode ist 4711.",
            "Wie lautet der T\u00fcrcode?",
        ),
        "far": (
            asked(150, "What is the wifi password?", "I don't know the wifi password."),
            "To get on the internet at home, type sunflower-4711.",
            "What is the wifi password?",
        ),
    }
    await memory.store(
        *(memory.conversation(name, *before, (statement, {})) for name, (before, statement, _) in cases.items()),
        memory.conversation("answered", *asked(30, door, "It is 4711.")),
    )
    for name, (_, statement, query) in cases.items():
        turns = await memory.recall(name, query)
        assert turns[0].content == statement, name
        assert sum(turn.repeats > 1 for turn in turns) == 2, name
    assert (await memory.first("answered", door)).content == "It is 4711."


async def test_another_day_another_speaker_and_another_word_are_other_turns(memory: Memory) -> None:
    """The newest of equal messages stands for all. "Last" gets the last day, "first" the first one."""
    days = dated(*["Took my pill."] * 5, days=1)
    dog = "Our dog is called Rex."
    rule = (
        "We decided with the office manager that dogs are from now on {} in our open office on all Fridays of the year."
    )
    await memory.store(
        memory.conversation("pill", *days, ("took my pill", days[4][1])),
        memory.conversation("dog", (dog, {"speaker": "Anna"}), (dog, {"speaker": "Ben"}), (dog, {"speaker": "Ben"})),
        memory.conversation("rule", *dated(rule.format("allowed"), rule.format("forbidden"))),
    )
    pills = [turn for turn in await memory.recall("pill", "When did I last take my pill?") if "pill" in turn.content]
    assert [turn.occurred_at for turn in pills] == [fields["occurred_at"] for _, fields in reversed(days)]
    assert [(turn.content, turn.repeats) for turn in pills[:2]] == [("took my pill", 2), ("Took my pill.", 1)]
    assert (await memory.first("pill", "When did I first take my pill?")).occurred_at == FIRST_DAY
    dogs = [turn for turn in await memory.recall("dog", "What is our dog called?") if turn.content == dog]
    assert {(turn.event_id, turn.speaker, turn.repeats) for turn in dogs} == {("e0", "Anna", 1), ("e2", "Ben", 2)}
    for query in ("Are dogs allowed in the office now?", "What is the current rule about dogs?"):
        assert [turn.event_id for turn in (await memory.recall("rule", query))[:2]] == ["e1", "e0"]


async def test_words_for_the_present_prefer_the_newest(memory: Memory) -> None:
    """Words for the past do not, and "first" prefers the oldest. Without such words ties go to the newest."""
    await memory.store(
        memory.conversation(
            "phone",
            *dated(
                "My phone number is 555-0101.",
                "I got a new phone number: 555-0202.",
                "I've changed my number again, it's 555-0303.",
            ),
        ),
        memory.conversation(
            "home", *dated("I live in Graz.", "I moved to Vienna.", "Since last week my home is in Linz.")
        ),
        memory.conversation(
            "colour", *dated(*(f"My favourite colour is {name}." for name in ("blue", "green", "red")))
        ),
        memory.conversation(
            "arbeit",
            *dated("Ich arbeite als Krankenschwester.", "Ich arbeite als Lehrerin.", "Ich arbeite als Pilotin."),
        ),
    )
    for user, query, event in (
        ("phone", "What is my phone number now?", "e2"),
        ("phone", "What's my current phone number?", "e2"),
        ("phone", "What is my latest phone number?", "e2"),
        ("phone", "What was my first phone number?", "e0"),
        ("home", "Where do I live now?", "e2"),
        ("home", "Where do I currently live?", "e2"),
        ("home", "Where did I live originally?", "e0"),
        ("colour", "What is my favourite colour?", "e2"),
        ("arbeit", "Als was arbeite ich jetzt?", "e2"),
    ):
        assert (await memory.first(user, query)).event_id == event, query
    for user, query in (("home", "Where did I live before?"), ("arbeit", "Als was habe ich fr\u00fcher gearbeitet?")):
        assert (await memory.first(user, query)).event_id != "e2", query
