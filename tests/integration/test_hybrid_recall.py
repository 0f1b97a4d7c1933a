"""Hybrid recall through the public client: the options of a request, and their effect on the reply."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Context, MessageEvent, Receipt, Scope
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 20.0
_HASHED = {"embedder": "hash", "purpose": "test"}


class Conversation:
    """A conversation with running consumers."""

    def __init__(self, redis: Redis, gateway: Gateway, orchestrator: Orchestrator, scope: Scope) -> None:
        self.redis = redis
        self.gateway = gateway
        self.orchestrator = orchestrator
        self.scope = scope

    async def publish(self, events: Sequence[MessageEvent]) -> list[Receipt]:
        """Publish events and wait until they are in the window and in PostgreSQL."""
        receipts = [await self.gateway.publish(event) for event in events]
        await wait_until(lambda: consumed(self.redis, Group.WINDOW, Group.EMBED))
        return receipts

    async def say(self, *contents: str, **fields: Any) -> list[Receipt]:
        """Publish messages e0, e1, ..."""
        return await self.publish([event_of(self.scope, f"e{n}", text, **fields) for n, text in enumerate(contents)])

    async def recall(self, query: str, **options: Any) -> Context:
        """Recall, and assert that no part is missing."""
        asked: dict[str, Any] = {"window": 0, "deadline": _DEADLINE, **options}
        context = await self.orchestrator.recall(self.scope, query, **asked)
        assert context.missing == ()
        return context


@pytest.fixture
def rule() -> dict[str, object]:
    """Further settings of the consumers."""
    return {}


@pytest.fixture
async def ada(
    settings: Settings, redis: Redis, redis_url: str, tenant: UUID, rule: dict[str, object]
) -> AsyncIterator[Conversation]:
    """A conversation with consumers that use the hash embedder."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(settings.model_copy(update={**_HASHED, **rule}), *Group))
        gateway = await stack.enter_async_context(await Gateway.connect(redis_url))
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(redis_url))
        yield Conversation(redis, gateway, orchestrator, scope_of(tenant))


def events(context: Context) -> list[str]:
    """Return the event ids of the turns, the best first."""
    return [turn.event_id for turn in context.turns]


async def test_an_explained_score_is_the_sum_of_its_parts(ada: Conversation) -> None:
    """On request each turn has an explanation. Otherwise no turn has one."""
    await ada.say("I moved to Graz in March.", "Do you like Graz?", "I do like the mountains.", speaker="Ada")
    context = await ada.recall("When did Ada move to Graz?", explain=True)
    assert events(context)[0] == "e0"
    for turn in context.turns:
        assert turn.explanation is not None
        assert turn.score == pytest.approx(sum(turn.explanation.values()), abs=1e-5)
        assert turn.explanation["cosine"] == pytest.approx(turn.cosine, abs=1e-5)
    best = context.turns[0].explanation
    assert best is not None
    assert {"cosine", "contextual_bm25", "time"} <= set(best)
    assert [turn.score for turn in context.turns] == sorted((turn.score for turn in context.turns), reverse=True)
    assert [turn.explanation for turn in (await ada.recall("Graz?")).turns] == [None] * 3


async def test_a_long_message_is_returned_whole_or_as_its_excerpt(ada: Conversation) -> None:
    """It is found by its end, and the excerpt is exactly that part of the content."""
    content = " ".join(f"w\u00f6rt{n}" for n in range(600)) + ". The key is under the third stone."
    await ada.say(content)
    query = " ".join(f"w\u00f6rt{n}" for n in range(560, 600)) + " key under the third stone"
    (whole,) = (await ada.recall(query, excerpts=False)).turns
    assert (whole.content, whole.excerpt) == (content, None)
    assert (await ada.recall(query)).turns == (whole,)
    (turn,) = (await ada.recall(query, excerpts=True)).turns
    assert turn.excerpt is not None
    assert turn.content == content[turn.excerpt.starts_at : turn.excerpt.ends_at]
    assert turn.content.endswith("The key is under the third stone.")
    assert (turn.excerpt.content_chars, turn.cosine) == (len(content), whole.cosine)


@pytest.mark.parametrize("rule", [{"recall_excerpts": True}])
async def test_excerpts_are_a_setting_of_the_consumers(ada: Conversation) -> None:
    """The setting counts if the request does not say."""
    await ada.say(" ".join(f"word{n}" for n in range(600)))
    assert (await ada.recall("word599")).turns[0].excerpt is not None
    assert (await ada.recall("word599", excerpts=False)).turns[0].excerpt is None


async def test_turns_come_with_their_neighbours(ada: Conversation) -> None:
    """The messages before and after in the session, as if there were no other thread; a late message in its place.

    The gateway derives a session for each thread. Turns of the reply may be neighbours, too.
    """
    noon = datetime(2024, 5, 7, 12, tzinfo=UTC)
    said = [
        ("one", {"session_id": "s1"}),
        ("red", {"thread_id": "t1"}),
        ("apple pie", {"session_id": "s1"}),
        ("apple tart", {"session_id": "s2"}),
        ("green", {"thread_id": "t2"}),
        ("blue apple", {"thread_id": "t1"}),
        ("five", {"session_id": "s1"}),
        ("late", {"session_id": "s1", "occurred_at": noon + timedelta(minutes=1)}),
    ]
    minutes = {"one": 0, "apple pie": 2, "five": 4}
    await ada.publish(
        [
            event_of(
                ada.scope,
                text,
                text,
                **({"occurred_at": noon + timedelta(minutes=minutes[text])} if text in minutes else {}),
                **fields,
            )
            for text, fields in said
        ]
    )
    context = await ada.recall("apple", neighbours=True)
    beside = {
        turn.event_id: (turn.before and turn.before.event_id, turn.after and turn.after.event_id)
        for turn in context.turns
    }
    assert beside == {
        "one": (None, "late"),
        "late": ("one", "apple pie"),
        "apple pie": ("late", "five"),
        "five": ("apple pie", None),
        "apple tart": (None, None),
        "red": (None, "blue apple"),
        "blue apple": ("red", None),
        "green": (None, None),
    }
    assert [(turn.before, turn.after) for turn in (await ada.recall("apple")).turns] == [(None, None)] * 8


async def test_interleaved_threads_do_not_change_a_score(ada: Conversation) -> None:
    """The parts of a score that look beside a turn are those of its own thread."""
    question, answer = "Which wine goes with fish?", "A dry white one, of course."
    await ada.publish([event_of(ada.scope, text, text, thread_id="t1") for text in (question, answer)])
    alone = {turn.event_id: turn.explanation for turn in (await ada.recall("wine with fish", explain=True)).turns}
    scope = scope_of(ada.scope.tenant_id, "grace")
    other = Conversation(ada.redis, ada.gateway, ada.orchestrator, scope)
    mixed = [(question, "t1"), ("Book a train.", "t2"), ("Mow the lawn.", "t3"), (answer, "t1"), ("To Rome.", "t2")]
    await other.publish([event_of(scope, text, text, thread_id=thread) for text, thread in mixed])
    explained = {t.event_id: t.explanation for t in (await other.recall("wine with fish", explain=True)).turns}
    for text in (question, answer):
        ours, theirs = alone[text], explained[text]
        assert ours is not None
        assert theirs is not None
        for part in ("cosine", "neighbour", "answer", "question"):
            assert theirs.get(part) == pytest.approx(ours.get(part)), part


async def test_a_token_budget_is_kept_and_reports_the_cut_turns(ada: Conversation) -> None:
    """Whole turns, the best first, counted by the model's tokenizer. A cut turn has its score and its tokens."""
    await ada.say("apple apple", "apple pie with cream and sugar", "apple tart", "apple")
    everything = await ada.recall("apple")
    tokens = {turn.event_id: len(turn.content.split()) for turn in everything.turns}
    assert (sorted(tokens), everything.cut) == (["e0", "e1", "e2", "e3"], ())
    context = await ada.recall("apple", token_budget=5)
    assert sum(tokens[event] for event in events(context)) <= 5
    assert {found.event_id: found.tokens for found in context.cut} == {"e1": 6}
    assert sorted([*events(context), "e1"]) == sorted(tokens)
    scores = {turn.event_id: turn.score for turn in everything.turns}
    assert all(found.score == pytest.approx(scores[found.event_id]) for found in context.cut)
    nothing = await ada.recall("apple", token_budget=1, exclude=["e3"])
    assert (nothing.turns, len(nothing.cut)) == ((), 3)


async def test_turns_with_the_same_text_are_returned_once(ada: Conversation) -> None:
    """The repetition gives its place to another turn."""
    await ada.say("I like tea.", "i like TEA!", "I like tea", "I like juice.")
    found = events(await ada.recall("I like tea", top_k=2))
    assert len(set(found) & {"e0", "e1", "e2"}) == 1
    assert "e3" in found


async def test_the_window_and_the_answered_message_are_not_repeated(ada: Conversation) -> None:
    """Turns omit the messages of the returned window. The message being answered is in neither."""
    *_, question = await ada.say("I like tea.", "I like coffee.", "Tea or coffee?", "What do I like, tea or coffee?")
    context = await ada.recall("What do I like, tea or coffee?", after=question, window=2)
    assert [message.event_id for message in context.window] == ["e1", "e2"]
    assert events(context) == ["e0"]
    assert sorted(events(await ada.recall("What do I like?", after=question, window=0))) == ["e0", "e1", "e2"]
    by_entry = await ada.recall("What do I like?", after=question.entry_id, window=0)
    assert sorted(events(by_entry)) == ["e0", "e1", "e2"]


@pytest.mark.parametrize("rule", [{"window_messages": 200}])
async def test_a_wide_window_leaves_room_for_turns(ada: Conversation) -> None:
    """Older turns are found, however many of the best candidates are in the window."""
    await ada.say(*(f"apple of last year {n}" for n in range(10)), *(f"apple {n}" for n in range(200)))
    context = await ada.recall("apple", window=None, top_k=3)
    assert len(context.window) == 200
    assert len(context.turns) == 3


async def test_top_k_turns_are_returned(ada: Conversation) -> None:
    """Up to a hundred, if there are as many."""
    await ada.say(*(f"apple number {n}" for n in range(130)))
    assert len((await ada.recall("apple", top_k=100)).turns) == 100


@pytest.mark.parametrize("rule", [{"recall_ranking": "cosine", "recall_top_k": 3, "recall_min_cosine": 0.75}])
async def test_system_k_is_reproduced(ada: Conversation) -> None:
    """With its three settings: the raw query, at most three turns of cosine 0.75 or more, in numpy's order."""
    embedder, dice = HashEmbedder(384), np.random.default_rng(3)
    words = [f"w{n}" for n in range(12)]
    contents = [" ".join(dice.permutation(words)[: int(dice.integers(4, 12))]) for _ in range(60)]
    await ada.say(*contents, speaker="W0")
    for query in (" ".join(words), " ".join(words[:8]), "w0", "something else"):
        halves = embedder.embed([query, *contents]).astype(np.float16).astype(np.float64)
        unit = halves / np.linalg.norm(halves, axis=1, keepdims=True)
        cosines = unit[1:] @ unit[0]
        best = [int(place) for place in np.argsort(-cosines)[:3] if cosines[place] >= 0.75]
        turns = (await ada.recall(query)).turns
        assert [turn.cosine for turn in turns] == pytest.approx([cosines[place] for place in best], abs=1e-6)
        assert all(cosines[int(turn.event_id[1:])] == pytest.approx(turn.cosine, abs=1e-6) for turn in turns)
        assert all(turn.score == turn.cosine for turn in turns)
