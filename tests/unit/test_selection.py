"""The selection of turns for a reply: limits, duplicates, excerpts, neighbours and the token budget."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.postgres.candidates import Beside, CandidateReader, NeighbourTurn
from eunoe_consumers.recall.ranking.echoes import Echo
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_consumers.recall.selection import Selected, Selection, SelectionDefaults
from eunoe_schema.recall import CutTurn, Excerpt, Neighbour, RecallRequest
from eunoe_schema.scope import Scope
from eunoe_tests.candidates import MOMENT, candidate_of
from eunoe_tests.events import AGENT

DEFAULTS = SelectionDefaults(top_k=10, min_cosine=None, excerpts=False, repeats=False)


@dataclass
class Neighbours:
    """Stands in for PostgreSQL: returns neighbours by the position of their turn, and records the requests."""

    beside: dict[int, Beside] = field(default_factory=dict[int, Beside])
    asked: list[list[int]] = field(default_factory=list[list[int]])

    async def neighbours(self, scope: Scope, positions: Sequence[int]) -> dict[int, Beside]:
        """Return the neighbours of each turn, or none."""
        assert scope.user_id == "ada"
        self.asked.append(list(positions))
        return {position: self.beside.get(position, Beside(None, None)) for position in positions}


class WordCounter:
    """Stands in for the model: a token is a word."""

    async def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())


def request_of(**options: Any) -> RecallRequest:
    """Return a request."""
    return RecallRequest(
        request_id="1", reply_to="r", tenant_id=UUID(int=1), agent_id=AGENT, user_id="ada", query="?", **options
    )


def ranked_of(*contents: str, **fields: Any) -> list[Ranked]:
    """Return turns e0, e1, ..., the best first. Their cosines are 0.9, 0.8, ..."""
    return [
        Ranked(candidate_of(place, 0.9 - place / 10, content, **fields), 2.0 - place, {"cosine": 2.0 - place})
        for place, content in enumerate(contents)
    ]


async def select(
    ranked: Sequence[Ranked],
    *excluded: str,
    defaults: SelectionDefaults = DEFAULTS,
    reader: Neighbours | None = None,
    **options: Any,
) -> Selected:
    """Select for a request."""
    selection = Selection(
        cast("CandidateReader", reader or Neighbours()), cast("CoalescingEmbedder", WordCounter()), defaults
    )
    return await selection.select(request_of(**options), ranked, excluded)


def events(selected: Selected) -> list[str]:
    """Return the event ids of the selected turns."""
    return [turn.event_id for turn in selected.turns]


def neighbour_of(event_id: str) -> NeighbourTurn:
    """Return the neighbour of a turn."""
    return NeighbourTurn(event_id, "user", f"{event_id} says so", "Ben")


@pytest.mark.parametrize(("asked", "default", "count"), [(2, 4, 2), (None, 4, 4), (0, 4, 0), (100, 4, 5), (None, 0, 0)])
async def test_top_k_limits_the_turns(asked: int | None, default: int, count: int) -> None:
    """The request overrides the setting. There may be fewer turns."""
    defaults = SelectionDefaults(top_k=default, min_cosine=None, excerpts=False, repeats=False)
    selected = await select(ranked_of("a", "b", "c", "d", "e"), defaults=defaults, top_k=asked)
    assert events(selected) == [f"e{n}" for n in range(count)]
    assert selected.cut == ()


@pytest.mark.parametrize(
    ("asked", "default", "found"), [(0.75, None, 2), (None, 0.75, 2), (-1.0, 0.75, 3), (0.8, None, 2), (1.0, None, 0)]
)
async def test_min_cosine_does_not_limit_the_score(asked: float | None, default: float | None, found: int) -> None:
    """A turn exactly at the limit is selected. The request overrides the setting."""
    defaults = SelectionDefaults(top_k=10, min_cosine=default, excerpts=False, repeats=False)
    ranked = [Ranked(candidate_of(n, cosine, f"t{n}"), 5.0, {}) for n, cosine in enumerate((0.9, 0.8, 0.7))]
    assert len(events(await select(ranked, defaults=defaults, min_cosine=asked))) == found


async def test_top_k_counts_selected_turns_only() -> None:
    """Excluded turns, duplicates and turns below the minimum cosine leave their place to others."""
    ranked = ranked_of("a", "b", "B!", "c", "d")
    assert events(await select(ranked, "e0", top_k=2)) == ["e2", "e3"]
    assert events(await select(ranked, "e0", top_k=2, min_cosine=0.75)) == ["e1"]


async def test_the_newest_of_messages_that_say_the_same_stands_for_all() -> None:
    """It has the place and the score of the best one, and says how many there are. Excluded ones do not count."""
    ranked = ranked_of("Hello there.", "Goodbye.", "hello, THERE", "Hello there!")
    selected = await select(ranked)
    assert events(selected) == ["e3", "e1"]
    assert [(turn.score, turn.repeats) for turn in selected.turns] == [(2.0, 3), (1.0, 1)]
    assert [(turn.event_id, turn.repeats) for turn in (await select(ranked, "e3")).turns] == [("e2", 2), ("e1", 1)]
    repeats = SelectionDefaults(top_k=10, min_cosine=None, excerpts=False, repeats=True)
    assert events(await select(ranked, defaults=repeats)) == ["e0", "e1", "e2", "e3"]


async def test_another_day_or_speaker_is_another_turn() -> None:
    """The newest is the last one written, even if it arrived early."""
    days = [MOMENT, MOMENT - timedelta(days=1), MOMENT - timedelta(hours=1)]
    ranked = [
        Ranked(candidate_of(n, 0.9, "Took my pill.", occurred_at=day), 2.0 - n, {}) for n, day in enumerate(days)
    ] + [Ranked(candidate_of(9, 0.9, "Took my pill.", speaker="Ben"), -2.0, {})]
    assert [(turn.event_id, turn.repeats) for turn in (await select(ranked)).turns] == [("e0", 2), ("e1", 1), ("e9", 1)]


async def test_echoes_take_one_place_for_each_kind() -> None:
    """The newest repeated question stands for all of them in any words, and the newest refusal for all refusals."""
    kinds = [Echo.QUESTION, Echo.REFUSAL, None, Echo.QUESTION, Echo.REFUSAL]
    ranked = [
        replace(found, echo=kind)
        for found, kind in zip(ranked_of("Code?", "No idea.", "4711.", "The code?", "Unknown."), kinds, strict=True)
    ]
    assert [(turn.event_id, turn.repeats) for turn in (await select(ranked)).turns] == [("e3", 2), ("e4", 2), ("e2", 1)]


async def test_a_turn_has_the_fields_of_its_candidate() -> None:
    """Every field, the position as an entry id, the cosine and the score."""
    candidate = candidate_of((1_700_000_000_000 << 20) + 7, 0.5, "Hi", speaker="Ada", session_id="s", role="user")
    (turn,) = (await select([Ranked(candidate, 1.5, {"cosine": 1.5})])).turns
    assert (turn.event_id, turn.entry_id) == (candidate.event_id, "1700000000000-7")
    assert (turn.role, turn.content, turn.speaker, turn.session_id) == ("user", "Hi", "Ada", "s")
    assert (turn.created_at, turn.occurred_at) == (candidate.created_at, None)
    assert (turn.cosine, turn.score) == (0.5, 1.5)
    assert (turn.excerpt, turn.before, turn.after, turn.explanation) == (None, None, None, None)


async def test_a_score_is_explained_on_request() -> None:
    """The explanation contains the parts of the score, rounded."""
    found = Ranked(candidate_of(1, 0.5), 0.75, {"cosine": 0.5000000001, "date": 0.25})
    (turn,) = (await select([found], explain=True)).turns
    assert turn.explanation == {"cosine": 0.5, "date": 0.25}


@pytest.mark.parametrize(("asked", "default", "cut"), [(True, False, True), (None, True, True), (False, True, False)])
async def test_a_long_turn_is_returned_whole_or_as_an_excerpt(asked: bool | None, default: bool, cut: bool) -> None:  # noqa: FBT001 - columns of the table
    """The request overrides the setting. A turn of one piece is always whole."""
    defaults = SelectionDefaults(top_k=10, min_cosine=None, excerpts=default, repeats=False)
    long = Ranked(candidate_of(1, 0.5, "one two three", span=(4, 7)), 2.0, {})
    short = Ranked(candidate_of(2, 0.5, "four"), 1.0, {})
    first, second = (await select([long, short], defaults=defaults, excerpts=asked)).turns
    if cut:
        assert (first.content, first.excerpt) == ("two", Excerpt(starts_at=4, ends_at=7, content_chars=13))
    else:
        assert (first.content, first.excerpt) == ("one two three", None)
    assert (second.content, second.excerpt) == ("four", None)


async def test_neighbours_are_read_on_request() -> None:
    """One query reads the neighbours of all selected turns. An excluded message is no neighbour."""
    reader = Neighbours(
        {
            0: Beside(neighbour_of("b"), neighbour_of("a")),
            1: Beside(neighbour_of("e3"), None),
            2: Beside(None, neighbour_of("a")),
        }
    )
    ranked = ranked_of("x", "y", "z", "w", session_id="s")
    turns = (await select(ranked, "e3", reader=reader, neighbours=True)).turns
    assert reader.asked == [[0, 1, 2]]
    before = Neighbour(event_id="b", role="user", content="b says so", speaker="Ben")
    assert [(turn.before, turn.after and turn.after.event_id) for turn in turns] == [
        (before, "a"),
        (None, None),
        (None, "a"),
    ]


async def test_neighbours_are_read_only_if_needed() -> None:
    """Nothing is read if the request does not ask for neighbours, or if no turn is selected."""
    reader = Neighbours()
    await select(ranked_of("x"), reader=reader)
    await select([], reader=reader, neighbours=True)
    await select(ranked_of("x"), "e0", reader=reader, neighbours=True)
    assert reader.asked == []


@pytest.mark.parametrize(
    ("budget", "kept", "cut"),
    [
        (100, ["e0", "e1", "e2"], []),
        (9, ["e0", "e1", "e2"], []),
        (8, ["e0", "e1"], [("e2", 3)]),
        (5, ["e0", "e2"], [("e1", 4)]),
        (4, ["e0"], [("e1", 4), ("e2", 3)]),
        (1, [], [("e0", 2), ("e1", 4), ("e2", 3)]),
    ],
)
async def test_a_token_budget_keeps_the_best_whole_turns(
    budget: int, kept: list[str], cut: list[tuple[str, int]]
) -> None:
    """Turns are taken by score. A shorter turn may replace one that does not fit, and `cut` names the dropped turns."""
    ranked = ranked_of("one two", "three four five six", "seven eight nine")
    selected = await select(ranked, token_budget=budget)
    assert events(selected) == kept
    assert selected.cut == tuple(
        CutTurn(event_id=event_id, score=2.0 - int(event_id[1]), tokens=tokens) for event_id, tokens in cut
    )
    assert all(turn.content in {"one two", "three four five six", "seven eight nine"} for turn in selected.turns)


async def test_a_budget_counts_excerpts_and_neighbours() -> None:
    """An excerpt costs its own tokens only, and a turn costs those of its neighbours, too."""
    long = [Ranked(candidate_of(1, 0.5, "one two three", span=(4, 7)), 1.0, {})]
    assert events(await select(long, token_budget=1)) == []
    assert events(await select(long, token_budget=1, excerpts=True)) == ["e1"]
    beside = Neighbours({1: Beside(neighbour_of("b"), neighbour_of("a"))})
    selected = await select(long, reader=beside, token_budget=8, neighbours=True)
    assert [found.tokens for found in selected.cut] == [9]
    assert events(await select(long, reader=beside, token_budget=9, neighbours=True)) == ["e1"]


async def test_the_budget_cuts_within_the_top_k() -> None:
    """A turn beyond the top k does not replace a turn that the budget cut."""
    selected = await select(ranked_of("one two three", "four", "five"), top_k=2, token_budget=2)
    assert (events(selected), [found.event_id for found in selected.cut]) == (["e1"], ["e0"])


async def test_an_excluded_message_is_no_neighbour() -> None:
    """The answered message and the messages of the window are not returned as neighbours."""
    reader = Neighbours({0: Beside(neighbour_of("b"), neighbour_of("a"))})
    (turn,) = (await select(ranked_of("x", session_id="s"), "a", reader=reader, neighbours=True)).turns
    assert turn.before is not None
    assert turn.after is None
