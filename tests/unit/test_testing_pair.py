"""The clients in memory, which users need for their own unit tests, behave like the real ones."""

import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from eunoe_producers import (
    BacklogFull,
    Gateway,
    GatewayOptions,
    Orchestrator,
    PromptContext,
    PublishLimits,
    RateLimited,
    RecallRefused,
    UnknownTenant,
)
from eunoe_producers.testing import InMemoryEunoe, lexical_cosine
from eunoe_producers.threads import Allowed, ThreadState, TokensRefused
from eunoe_schema import Context, InvalidEvent, Receipt, Scope
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of


@pytest.fixture
async def eunoe() -> AsyncIterator[InMemoryEunoe]:
    """A memory of its own."""
    async with InMemoryEunoe() as eunoe:
        yield eunoe


@pytest.fixture
async def ada(eunoe: InMemoryEunoe) -> Scope:
    """A scope of a registered tenant."""
    return scope_of(await eunoe.add_tenant())


async def say(eunoe: InMemoryEunoe, scope: Scope, *contents: str) -> list[Receipt]:
    """Publish messages with the event ids e0, e1, ..."""
    return [await eunoe.gateway.publish(event_of(scope, f"e{i}", content)) for i, content in enumerate(contents)]


def window_of(context: Context) -> list[str | None]:
    """Return the event ids of a context's window."""
    return [message.event_id for message in context.window]


def turns_of(context: Context) -> list[str]:
    """Return the event ids of a context's turns."""
    return [turn.event_id for turn in context.turns]


@pytest.mark.parametrize("client", [Gateway, Orchestrator, ThreadState])
def test_the_clients_in_memory_have_the_real_signatures(client: type) -> None:
    """Same classes, same public methods: code that is tested here runs in production."""
    made = InMemoryEunoe()
    (in_memory,) = (one for one in (made.gateway, made.orchestrator, made.threads) if isinstance(one, client))
    methods = [name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")]
    assert methods
    for name in methods:
        assert inspect.signature(getattr(type(in_memory), name)) == inspect.signature(getattr(client, name)), name
    assert {name for name in dir(in_memory) if not name.startswith("_")} >= set(methods)


async def test_a_published_message_is_recalled_at_once(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Window and freshness know it without any consumer."""
    first, second = await say(eunoe, ada, "My cat is called Minka.", "Who is Minka?")
    context = await eunoe.orchestrator.recall(ada, "Who is Minka?", after=second)
    assert (context.freshness.applied, context.freshness.after) == (True, second.entry_id)
    assert context.freshness.latest_entry_id == second.entry_id
    (message,) = context.window
    assert (message.id, message.event_id, message.content) == (first.entry_id, "e0", "My cat is called Minka.")
    assert (context.turns, context.missing) == ((), ())


async def test_a_window_contains_the_last_20_messages(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Older messages are turns. Messages in the window are not repeated among the turns."""
    await say(eunoe, ada, *(f"message {i}" for i in range(23)))
    context = await eunoe.orchestrator.recall(ada, "message 1")
    assert window_of(context) == [f"e{i}" for i in range(3, 23)]
    assert turns_of(context) == ["e1", "e2", "e0"]
    context = await eunoe.orchestrator.recall(ada, "message 1", window=2, top_k=100)
    assert window_of(context) == ["e21", "e22"]
    assert set(turns_of(context)) == {f"e{i}" for i in range(21)}
    context = await eunoe.orchestrator.recall(ada, "message 1", window=0, top_k=100)
    assert (window_of(context), len(context.turns)) == ([], 23)


async def test_excluded_messages_are_in_neither_window_nor_turns(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """The same holds for the message that `after` names."""
    receipts = await say(eunoe, ada, "tea", "tea tea", "tea please", "tea?")
    for after in (receipts[3], receipts[3].entry_id):
        context = await eunoe.orchestrator.recall(ada, "tea", after=after, exclude=["e0"], window=1)
        assert (window_of(context), turns_of(context)) == (["e2"], ["e1"])


async def test_turns_are_ordered_by_similarity(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Then the newest come first. `top_k` and `min_cosine` bound them."""
    await say(eunoe, ada, "I like green tea", "the weather is fine", "green tea", "Green TEA!")
    recall = eunoe.orchestrator.recall
    context = await recall(ada, "green tea", window=0)
    assert turns_of(context) == ["e3", "e2", "e0", "e1"]
    assert [turn.cosine for turn in context.turns] == pytest.approx([1, 1, 0.5**0.5, 0])
    assert turns_of(await recall(ada, "green tea", window=0, top_k=1)) == ["e3"]
    assert turns_of(await recall(ada, "green tea", window=0, min_cosine=0.9)) == ["e3", "e2"]
    assert (await recall(ada, "quantum physics", window=0, min_cosine=0.1)).turns == ()
    assert (await recall(ada, "green tea", top_k=0)).turns == ()


async def test_ten_turns_are_the_default(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """The test may choose another default."""
    await say(eunoe, ada, *(f"message {i}" for i in range(12)))
    assert len((await eunoe.orchestrator.recall(ada, "message", window=0)).turns) == 10
    async with InMemoryEunoe(window_messages=2, top_k=3) as small:
        scope = scope_of(await small.add_tenant(ada.tenant_id))
        assert scope == ada
        await say(small, scope, *(f"message {i}" for i in range(12)))
        context = await small.orchestrator.recall(scope, "message")
        assert (window_of(context), len(context.turns)) == (["e10", "e11"], 3)


async def test_scopes_and_instances_are_isolated(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Another user, agent, tenant or instance sees nothing of a conversation."""
    await say(eunoe, ada, "secret")
    others = [
        scope_of(ada.tenant_id, "bob"),
        scope_of(ada.tenant_id, agent=OTHER_AGENT),
        scope_of(await eunoe.add_tenant()),
    ]
    for other in others:
        assert await eunoe.orchestrator.recall(other, "secret") == PromptContext()
    async with InMemoryEunoe() as another:
        await another.add_tenant(ada.tenant_id)
        assert await another.orchestrator.recall(ada, "secret") == PromptContext()
        assert await another.published() == []


async def test_the_same_errors_are_raised(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """An event or a request that the real system refuses is refused with the same error."""
    stranger = scope_of(uuid4())
    with pytest.raises(UnknownTenant):
        await eunoe.gateway.publish(event_of(stranger, "e1"))
    with pytest.raises(RecallRefused, match="not a registered tenant"):
        await eunoe.orchestrator.recall(stranger, "q")
    with pytest.raises(InvalidEvent, match="content"):
        await eunoe.gateway.publish({**event_of(ada, "e1").model_dump(), "content": ""})
    with pytest.raises(InvalidEvent, match="query"):
        await eunoe.orchestrator.recall(ada, "")
    with pytest.raises(InvalidEvent, match="top_k"):
        await eunoe.orchestrator.recall(ada, "q", top_k=101)
    assert await eunoe.published() == []


async def test_a_duplicate_adds_nothing(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """A repeated event gets its first receipt and is stored once."""
    (first,) = await say(eunoe, ada, "hello")
    assert await say(eunoe, ada, "hello") == [first.model_copy(update={"duplicate": True})]
    assert window_of(await eunoe.orchestrator.recall(ada, "hello")) == ["e0"]


async def test_limits_are_applied(ada: Scope) -> None:
    """A test can check how a gateway handles BacklogFull and RateLimited."""
    options = GatewayOptions(limits=PublishLimits(backlog_entries=2, rate_per_second=0.001, rate_burst=3))
    async with InMemoryEunoe(options) as eunoe:
        await eunoe.add_tenant(ada.tenant_id)
        await say(eunoe, ada, "one", "two")
        with pytest.raises(BacklogFull):
            await eunoe.gateway.publish(event_of(ada, "e2"))
        await eunoe.drain()
        await eunoe.gateway.publish(event_of(ada, "e2"))
        with pytest.raises(RateLimited):
            await eunoe.gateway.publish(event_of(ada, "e3"))
        assert isinstance(await eunoe.threads.rate_limiter.acquire(ada.tenant_id, "default"), TokensRefused)
        assert isinstance(await eunoe.threads.rate_limiter.acquire(ada.tenant_id, "other"), Allowed)
        await eunoe.drain()
        assert window_of(await eunoe.orchestrator.recall(ada, "q")) == ["e0", "e1", "e2"]


async def test_an_unknown_entry_is_not_applied(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """The answer comes at once. An entry that the full window dropped was applied."""
    receipts = await say(eunoe, ada, *(f"message {i}" for i in range(21)))
    context = await eunoe.orchestrator.recall(ada, "q", after="9999999999999-0")
    assert (context.freshness.applied, len(context.window)) == (False, 20)
    assert (await eunoe.orchestrator.recall(ada, "q", after=receipts[0])).freshness.applied
    assert (await eunoe.orchestrator.recall(ada, "q")).freshness.applied is None


async def test_concurrent_recalls_get_their_own_replies(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Replies do not mix."""
    await say(eunoe, ada, *(f"word{i}" for i in range(30)))
    contexts = await asyncio.gather(*(eunoe.orchestrator.recall(ada, f"word{i}", window=0, top_k=1) for i in range(30)))
    assert [turns_of(context) for context in contexts] == [[f"e{i}"] for i in range(30)]


async def test_published_events_can_be_inspected(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """They are in order, with derived sessions, for one scope or for all."""
    bob = scope_of(ada.tenant_id, "bob")
    await say(eunoe, ada, "one", "two")
    await say(eunoe, bob, "three")
    assert [event.content for event in await eunoe.published()] == ["one", "two", "three"]
    (event,) = await eunoe.published(bob)
    assert (event.content, event.session_id is not None) == ("three", True)


async def test_closing_one_client_leaves_the_others_open(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Code under test may close its client."""
    async with eunoe.gateway:
        await say(eunoe, ada, "hello")
    assert window_of(await eunoe.orchestrator.recall(ada, "hello")) == ["e0"]
    await eunoe.threads.engaged.engage(ada.tenant_id, "t")


@pytest.mark.parametrize(
    ("one", "other", "cosine"),
    [("Tea, please!", "please TEA", 1), ("tea", "coffee", 0), ("a b", "b c", 0.5), ("...", "...", 0), ("", "a", 0)],
)
def test_lexical_cosine(one: str, other: str, cosine: float) -> None:
    """The same words give 1, no common word gives 0."""
    assert lexical_cosine(one, other) == pytest.approx(cosine)
    assert lexical_cosine(one, other) == lexical_cosine(other, one)


def test_a_missing_fakeredis_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra to install."""
    monkeypatch.delitem(sys.modules, "eunoe_producers.testing")
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(ImportError, match=r"pip install 'eunoe\[testing\]'"):
        importlib.import_module("eunoe_producers.testing")


def _finds_no_lua(name: str) -> None:
    assert name == "lupa"


def test_a_missing_lua_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes at import and names the extra to install."""
    monkeypatch.delitem(sys.modules, "eunoe_producers.testing")
    monkeypatch.setattr(importlib.util, "find_spec", _finds_no_lua)
    with pytest.raises(ImportError, match=r"Lua.*pip install 'eunoe\[testing\]'"):
        importlib.import_module("eunoe_producers.testing")
