"""A recall while one of its parts fails: the others come in time, and the reply says what is missing and why."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import RAISE_MARKER, HashEmbedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.recall.turn_search import KnownScopes
from eunoe_consumers.recall.window_reader import WindowReader
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Context, Scope, keys
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 20.0
_STAGES = [(KnownScopes, "facts"), (CandidateReader, "outline"), (CandidateReader, "candidates")]


async def _fails(*_: object, **__: object) -> None:
    raise StoreUnavailable("PostgreSQL is away")


async def _hangs(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def _breaks(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


class Asked:
    """A scope with a window and turns, and an orchestrator that asks."""

    def __init__(self, orchestrator: Orchestrator, scope: Scope) -> None:
        self._orchestrator = orchestrator
        self.scope = scope

    async def recall(self, query: str = "Where do I live?", **options: Any) -> Context:
        """Ask for a window of one message and the turns before it."""
        asked: dict[str, Any] = {"window": 1, "deadline": _DEADLINE, **options}
        return await self._orchestrator.recall(self.scope, query, **asked)


@pytest.fixture
async def ada(settings: Settings, redis: Redis, redis_url: str, tenant: UUID) -> AsyncIterator[Asked]:
    """A conversation of two messages, with running consumers."""
    scope, changes = scope_of(tenant), {"embedder": "hash", "purpose": "test", "shutdown_seconds": 1.0}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(settings.model_copy(update=changes), *Group))
        gateway = await stack.enter_async_context(await Gateway.connect(redis_url))
        for number, content in enumerate(["I live in Graz.", "Hello."]):
            await gateway.publish(event_of(scope, f"e{number}", content))
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(redis_url))
        yield Asked(orchestrator, scope)


def window(context: Context) -> list[str]:
    """Return the contents of the window."""
    return [message.content for message in context.window]


def turns(context: Context) -> list[str]:
    """Return the contents of the turns."""
    return [turn.content for turn in context.turns]


def assert_without_turns(context: Context, reason: str) -> None:
    """Assert that the context has the window, and the reason for the missing turns."""
    assert (window(context), turns(context), context.cut) == (["Hello."], [], ())
    assert [part.part for part in context.missing] == ["turns"]
    assert reason in context.missing[0].reason


@pytest.mark.parametrize(("place", "stage"), _STAGES)
@pytest.mark.parametrize(
    ("failure", "deadline", "reason"),
    [
        (_fails, _DEADLINE, "PostgreSQL is away"),
        (_hangs, 2.0, "the time that the deadline left for it"),
        (_breaks, _DEADLINE, "unforeseen ZeroDivisionError: a bug"),
    ],
)
async def test_the_window_is_returned_whichever_stage_fails(
    ada: Asked,
    monkeypatch: pytest.MonkeyPatch,
    place: type,
    stage: str,
    failure: Callable[..., object],
    deadline: float,
    reason: str,
) -> None:
    """Each statement alone fails, hangs, or raises an unforeseen error. The next recall is complete."""
    with monkeypatch.context() as patch:
        patch.setattr(place, stage, failure)
        started = time.monotonic()
        assert_without_turns(await ada.recall(deadline=deadline), reason)
        assert time.monotonic() - started < deadline
    assert turns(await ada.recall()) == ["I live in Graz."]


async def test_without_the_neighbours_there_are_no_turns(ada: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """If requested neighbours cannot be read, the turns are missing. Other recalls do not need them."""
    monkeypatch.setattr(CandidateReader, "neighbours", _fails)
    assert_without_turns(await ada.recall(neighbours=True), "PostgreSQL is away")
    assert turns(await ada.recall()) == ["I live in Graz."]


async def test_a_query_that_the_model_fails_on_is_reported(ada: Asked) -> None:
    """The window is returned, and the reason does not quote the query."""
    context = await ada.recall(f"my secret {RAISE_MARKER}")
    assert_without_turns(context, "the model cannot embed the text: ValueError")
    assert "secret" not in context.missing[0].reason


async def test_a_budget_that_cannot_be_counted_is_reported(ada: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The turns are missing, because they might exceed the budget."""
    monkeypatch.setattr(HashEmbedder, "count_all_tokens", _raise)
    assert_without_turns(await ada.recall(token_budget=100), "unforeseen ZeroDivisionError")
    assert turns(await ada.recall()) == ["I live in Graz."]


def _raise(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_database_that_refuses_connections_is_reported(ada: Asked, database_url: str) -> None:
    """The window is returned without the turns. When PostgreSQL is back, the turns are, too."""
    base, _, name = database_url.rpartition("/")
    login = await asyncpg.connect(f"{base}/postgres")
    try:
        await login.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        await login.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        context = await ada.recall(deadline=5)
        assert (window(context), turns(context), context.memories) == (["Hello."], [], ())
        assert [part.part for part in context.missing if part.reason] == ["turns", "memories"]
        await login.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    finally:
        await login.close()

    async def whole() -> bool:
        return turns(await ada.recall()) == ["I live in Graz."]

    await wait_until(whole)


@pytest.mark.parametrize("broken", ["a string", None])
async def test_without_a_window_the_turns_are_returned(ada: Asked, redis: Redis, broken: str | None) -> None:
    """A key of a wrong type is reported. A lost window is rebuilt from the turns."""
    await redis.delete(keys.window(ada.scope))
    if broken is not None:
        await redis.set(keys.window(ada.scope), broken)
        context = await ada.recall()
        assert sorted(turns(context)) == ["Hello.", "I live in Graz."]
        assert [part.part for part in context.missing] == ["window"]
        assert "WRONGTYPE" in context.missing[0].reason
    else:
        context = await ada.recall()
        assert (window(context), turns(context), context.missing) == (["Hello."], ["I live in Graz."], ())


@pytest.mark.parametrize("options", [{}, {"neighbours": True, "token_budget": 1_000}])
async def test_a_late_window_does_not_delay_the_turns(
    ada: Asked, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """The turns that were found meanwhile are returned."""
    monkeypatch.setattr(WindowReader, "read", _hangs)
    context = await ada.recall(deadline=3.0, **options)
    assert [part.part for part in context.missing] == ["window"]
    assert sorted(turns(context)) == ["Hello.", "I live in Graz."]
