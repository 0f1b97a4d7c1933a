"""The fused score: each part alone on candidates made by hand, and what holds for any search."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.postgres.candidates import TurnCandidate
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.ranking.fusion import Ranked, RankingQuery, rank
from eunoe_consumers.recall.ranking.lexical import LexicalScores
from eunoe_consumers.recall.ranking.named_period import NamedPeriod
from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE, Weights
from eunoe_tests.candidates import MOMENT, PLAIN, candidate_of, outline_of, scores_of

PLAIN_QUERY = RankingQuery("tell me")
ANNA_AND_BEN = frozenset({"Anna", "Ben"})
# Every part has a weight, and no two parts have the same one.
ALL = Weights(**{name: 0.1 + 0.07 * number for number, name in enumerate(Weights.model_fields)})


def parts_of(ranked: Sequence[Ranked]) -> dict[int, Mapping[str, float]]:
    """Return the parts of each turn's score, by position."""
    return {found.candidate.position: found.parts for found in ranked}


def values_of(ranked: Sequence[Ranked], part: str) -> dict[int, float]:
    """Return the value of one part by position, for the turns that have the part."""
    return {position: parts[part] for position, parts in parts_of(ranked).items() if part in parts}


def only(part: str, weight: float = 1.0, *, cosine: float = 1.0) -> Weights:
    """Return weights of one part and the cosine, from which neighbours and sessions take their values."""
    return Weights(**{"cosine": cosine, part: weight})


def ranked_of(
    candidates: Sequence[TurnCandidate],
    weights: Weights,
    query: RankingQuery = PLAIN_QUERY,
    outline: Outline | None = None,
    lexical: LexicalScores | None = None,
) -> list[Ranked]:
    """Rank candidates. By default they are the whole scope and one session."""
    if outline is None:
        outline = outline_of(sorted(candidate.position for candidate in candidates))
    return rank(query, candidates, outline, lexical or scores_of(len(outline.positions)), weights)


AT_THE_MOMENT = NamedPeriod((((MOMENT, MOMENT + timedelta(hours=1)),),))


def rich_case() -> tuple[RankingQuery, list[TurnCandidate], Outline, LexicalScores]:
    """Return a search in which every part has a value for some turn."""
    candidates = [
        candidate_of(10, 0.4, "Where did you go last week?", speaker="Ben", role="user"),
        candidate_of(20, 0.7, PLAIN * 10, speaker="Anna", role="user"),
        candidate_of(30, 0.5, "To Rome, yesterday.", speaker="Anna", occurred_at=MOMENT),
        candidate_of(40, 0.2, speaker="Ben"),
    ]
    lexical = scores_of(4, bm25=[1, 0.5, 0, 0.2], contextual=[0.6, 1, 0.5, 0.3], sessions=[1, 1, 1, 1])
    query = RankingQuery(
        "When did Anna travel?",
        speakers=ANNA_AND_BEN,
        named=frozenset({"Anna"}),
        period=AT_THE_MOMENT,
    )
    return query, candidates, outline_of([10, 20, 30, 40]), lexical


def test_the_parts_add_up_to_the_score() -> None:
    """The explanation is the whole score, for the measured weights and for any others."""
    query, candidates, outline, lexical = rich_case()
    for weights in (ALL, DIALOGUE, ASSISTANT):
        for found in rank(query, candidates, outline, lexical, weights):
            assert found.score == pytest.approx(sum(found.parts.values()))


@pytest.mark.parametrize("name", list(Weights.model_fields))
def test_a_weight_of_0_switches_its_part_off(name: str) -> None:
    """With another weight some turn has the part. With 0 no turn has it, and the other parts still add up."""
    query, candidates, outline, lexical = rich_case()
    if name == "user":  # counts only in a scope without speakers' names
        query = RankingQuery("Where did she go?")
    if name == "echo":
        query = RankingQuery("Where did you go last week?")
    if name == "newness":
        query = RankingQuery("Where is she now?")
        candidates = [candidate_of(position, 0.5) for position in (10, 20, 30, 40)]
    assert values_of(rank(query, candidates, outline, lexical, ALL), name)
    off = rank(query, candidates, outline, lexical, ALL.model_copy(update={name: 0.0}))
    assert not values_of(off, name)
    assert all(found.score == pytest.approx(sum(found.parts.values())) for found in off)


def test_no_candidates_give_an_empty_ranking() -> None:
    """Both in a scope with turns and in an empty scope."""
    assert ranked_of([], ALL, outline=outline_of([1, 2])) == []
    assert ranked_of([], ALL, outline=outline_of([])) == []


def test_neighbours_count_by_their_distance() -> None:
    """Direct neighbours and second neighbours add their cosine and BM25, each with its own weight."""
    candidates = [candidate_of(place, 0.5 if place == 30 else 0.0) for place in (10, 20, 30, 40, 50, 60)]
    lexical = scores_of(6, bm25=[0, 0, 1, 0, 0, 0])
    weights = Weights(cosine=2, bm25=0.4, neighbour=0.1, second_neighbour=0.01)
    ranked = ranked_of(candidates, weights, lexical=lexical)
    base = 2 * 0.5 + 0.4
    assert values_of(ranked, "neighbour") == pytest.approx({20: 0.1 * base, 40: 0.1 * base})
    assert values_of(ranked, "second_neighbour") == pytest.approx({10: 0.01 * base, 50: 0.01 * base})


@pytest.mark.parametrize("others", [1, 2, 3])
@pytest.mark.parametrize("weights", [DIALOGUE, ASSISTANT, ALL])
def test_interleaved_threads_do_not_change_a_score(weights: Weights, others: int) -> None:
    """Turns of other sessions between the turns of a session are not beside them. They take no neighbour away."""
    query, candidates, outline, lexical = rich_case()
    alone = {found.candidate.position: found.parts for found in rank(query, candidates, outline, lexical, weights)}
    positions = sorted(place + shift for place in (10, 20, 30, 40) for shift in range(others + 1))
    sessions = [place % 10 + 1 for place in positions]
    outline = outline_of(positions, sessions)
    values: dict[str, list[float]] = {name: [0.0] * len(positions) for name in ("bm25", "contextual", "sessions")}
    for name, scores in values.items():
        for place, score in zip(outline.places_of(np.array([10, 20, 30, 40])), getattr(lexical, name), strict=True):
            scores[place] = float(score)
    interleaved = rank(query, candidates, outline, scores_of(len(positions), **values), weights)
    assert {found.candidate.position: found.parts for found in interleaved} == alone


def test_a_turn_that_is_no_candidate_adds_nothing() -> None:
    """It keeps its place: the candidates on both sides of it are two places apart."""
    candidates = [candidate_of(10, 0.5), candidate_of(30)]
    outline = outline_of([10, 20, 30])
    lexical = scores_of(3, bm25=[0, 1, 0])
    assert values_of(ranked_of(candidates, only("neighbour"), outline=outline, lexical=lexical), "neighbour") == {}
    assert values_of(ranked_of(candidates, only("second_neighbour"), outline=outline), "second_neighbour") == {30: 0.5}


def test_the_turn_after_a_question_is_lifted() -> None:
    """The turn directly after a question gets the question's cosine; no other turn does, nor another session's."""
    asked = "And where do you live now?"
    candidates = [candidate_of(10, 0.2), candidate_of(20, 0.8, asked), candidate_of(30), candidate_of(40)]
    weights = only("answer", 0.5)
    assert values_of(ranked_of(candidates, weights), "answer") == {30: 0.5 * 0.8}
    apart = outline_of([10, 20, 30, 40], sessions=[1, 1, 2, 2])
    assert values_of(ranked_of(candidates, weights, outline=apart), "answer") == {}


def test_a_question_is_lowered() -> None:
    """A turn that ends with a question loses; any other turn does not."""
    candidates = [candidate_of(10, 0.5, "Where do you live?"), candidate_of(20, 0.5, "In Graz.")]
    assert values_of(ranked_of(candidates, only("question", 0.2)), "question") == {10: -0.2}


def test_long_and_brief_turns_are_lowered() -> None:
    """Each e-fold above 800 characters, up to 4,000, or below 200 costs the weight. An empty text stays finite."""
    candidates = [candidate_of(chars, 0.5, "x" * chars) for chars in (0, 20, 200, 800, 8_000)]
    assert values_of(ranked_of(candidates, only("length", 0.5)), "length") == pytest.approx({8_000: -0.5 * log(5)})
    brief = values_of(ranked_of(candidates, only("brevity", 0.5)), "brevity")
    assert brief == pytest.approx({0: -0.5 * log(200), 20: -0.5 * log(10)})


def test_the_date_of_a_turn_is_the_time_that_the_gateway_gave() -> None:
    """`occurred_at` goes before `created_at`. A query without a period has no part `date`."""
    later = MOMENT + timedelta(days=10)
    candidates = [
        candidate_of(10),
        candidate_of(20, occurred_at=later),
        candidate_of(30, created_at=later, occurred_at=MOMENT),
        candidate_of(40, created_at=later),
    ]
    weights = only("date", 0.5)
    assert values_of(ranked_of(candidates, weights, RankingQuery("in May", period=AT_THE_MOMENT)), "date") == {
        10: 0.5,
        30: 0.5,
    }
    assert values_of(ranked_of(candidates, weights, RankingQuery("in May")), "date") == {}


@pytest.mark.parametrize(
    ("named", "lifted"),
    [({"Anna"}, {10: 0.2}), ({"Anna", "Ben"}, {}), (set[str](), {})],
)
def test_turns_of_a_named_speaker_are_lifted(named: set[str], lifted: dict[int, float]) -> None:
    """A query that names all speakers, or none, lifts no turn."""
    candidates = [candidate_of(10, speaker="Anna"), candidate_of(20, speaker="Ben"), candidate_of(30)]
    query = RankingQuery("?", speakers=ANNA_AND_BEN, named=frozenset(named))
    assert values_of(ranked_of(candidates, only("speaker", 0.2), query), "speaker") == lifted


def test_a_turn_that_names_a_time_is_lifted_if_the_query_asks_for_one() -> None:
    """For any other query it is a turn like the others."""
    candidates = [candidate_of(10, content="We met in March."), candidate_of(20, content="We met in Graz.")]
    weights = only("time", 0.2)
    assert values_of(ranked_of(candidates, weights, RankingQuery("When did you meet?")), "time") == {10: 0.2}
    assert values_of(ranked_of(candidates, weights, RankingQuery("Where did you meet?")), "time") == {}


def test_turns_of_the_user_are_lifted_in_a_scope_without_names() -> None:
    """Queries are mostly about the user. Where speakers have names, the names decide."""
    candidates = [candidate_of(10, role="user"), candidate_of(20, role="assistant")]
    weights = only("user", 0.1)
    assert values_of(ranked_of(candidates, weights), "user") == {10: 0.1}
    assert values_of(ranked_of(candidates, weights, RankingQuery("?", speakers=ANNA_AND_BEN)), "user") == {}


def test_lexical_scores_are_assigned_by_position() -> None:
    """Each candidate gets the scores of its place in the outline, whatever the order of the candidates."""
    lexical = scores_of(3, bm25=[0.1, 0.2, 0.3], contextual=[0.4, 0.5, 0.6], sessions=[0.7, 0.8, 0.9])
    weights = Weights(cosine=0, bm25=1, contextual_bm25=2, session_bm25=3)
    ranked = ranked_of([candidate_of(30), candidate_of(10)], weights, outline=outline_of([10, 20, 30]), lexical=lexical)
    assert parts_of(ranked)[10] == pytest.approx({"bm25": 0.1, "contextual_bm25": 0.8, "session_bm25": 2.1})
    assert parts_of(ranked)[30] == pytest.approx({"bm25": 0.3, "contextual_bm25": 1.2, "session_bm25": 2.7})


def test_the_session_part_is_the_mean_of_the_three_best_turns() -> None:
    """A shorter session has the mean of all its turns. Turns that are no candidates count as 0."""
    cosines = {10: 0.9, 20: 0.6, 30: 0.3, 40: 0.1, 50: 0.8, 60: 0.4, 70: 0.6}
    candidates = [candidate_of(place, cosine) for place, cosine in cosines.items()]
    # The first session has four turns, the second two, the third five, of which one is a candidate.
    outline = outline_of([10, 20, 30, 40, 50, 60, 70, 71, 72, 73, 74], sessions=[1] * 4 + [2] * 2 + [3] * 5)
    found = values_of(ranked_of(candidates, only("session"), outline=outline), "session")
    first, second, third = (0.9 + 0.6 + 0.3) / 3, (0.8 + 0.4) / 2, 0.6 / 3
    assert found == pytest.approx({10: first, 20: first, 30: first, 40: first, 50: second, 60: second, 70: third})


def test_candidates_outside_the_outline_are_ranked() -> None:
    """A newer or older candidate has no BM25 and no neighbours, and is a session of its own."""
    candidates = [candidate_of(place, 0.5) for place in (5, 10, 20, 25, 99)]
    weights = Weights(bm25=1, neighbour=0.1, session=1)
    ranked = ranked_of(candidates, weights, outline=outline_of([10, 20]), lexical=scores_of(2, bm25=[1, 1]))
    assert len(ranked) == 5
    for position in (5, 25, 99):
        assert parts_of(ranked)[position] == pytest.approx({"cosine": 0.5, "session": 0.5})
    assert parts_of(ranked)[10] == pytest.approx({"cosine": 0.5, "bm25": 1, "neighbour": 0.15, "session": 1.65})
    without_outline = ranked_of(candidates, weights, outline=outline_of([]))
    assert [found.candidate.position for found in without_outline] == [99, 25, 20, 10, 5]


def test_of_equal_scores_the_newest_is_first() -> None:
    """In whatever order PostgreSQL returns its rows. A query for the first gets the oldest."""
    candidates = [candidate_of(position, 0.5) for position in (30, 10, 40, 20)]
    assert [found.candidate.position for found in ranked_of(candidates, Weights())] == [40, 30, 20, 10]
    oldest = ranked_of(candidates, Weights(), RankingQuery("What came first?"))
    assert [found.candidate.position for found in oldest] == [10, 20, 30, 40]


ASKED, REFUSED, TOLD = "What is the door code?", "I don't know the door code yet.", "The door code is 4711."


def test_echoes_are_lowered_and_lend_nothing() -> None:
    """A repeated question lends its score to its answer only, and a refusal gets and lends none."""
    candidates = [
        candidate_of(10, 0.9, ASKED, role="user"),
        candidate_of(20, 0.8, REFUSED),
        candidate_of(30, 0.7, TOLD, role="user"),
        candidate_of(40, 0.9, ASKED, role="user"),
        candidate_of(50, 0.1, "It is the year of my birth."),
    ]
    query = RankingQuery(ASKED)
    ranked = ranked_of(candidates, Weights(echo=1, neighbour=0.1, answer=0.5), query)
    assert values_of(ranked, "echo") == {10: -1, 20: -1, 40: -1}
    assert values_of(ranked, "neighbour") == pytest.approx({20: 0.07, 40: 0.08, 50: 0.09})
    assert values_of(ranked, "answer") == pytest.approx({50: 0.45})
    assert [found.candidate.position for found in ranked[:2]] == [30, 50]
    off = ranked_of(candidates, Weights(neighbour=0.1, answer=0.5), query)
    assert values_of(off, "answer") == pytest.approx({20: 0.45, 50: 0.45})
    assert {found.echo for found in off} == {None}


def test_newness_moves_statements_of_the_named_period_or_number() -> None:
    """The newest statement is first. Questions, and turns outside the period or without the number, do not move."""
    later = MOMENT + timedelta(days=40)
    candidates = [
        candidate_of(10, 0.75, "My number is 1."),
        candidate_of(20, 0.72, "My number is 2."),
        candidate_of(30, 0.71, "My number is 3.", occurred_at=later),
        candidate_of(40, 0.7, "Is my number 4?"),
    ]
    found = values_of(ranked_of(candidates, only("newness"), RankingQuery("What is my number now?")), "newness")
    assert found == pytest.approx({10: -0.04, 30: 0.04})
    named = values_of(ranked_of(candidates, only("newness"), RankingQuery("When was my number last 1?")), "newness")
    assert named == {}
    query = RankingQuery("What is my number now?", period=AT_THE_MOMENT)
    assert values_of(ranked_of(candidates, only("newness"), query), "newness") == pytest.approx({10: -0.03, 20: 0.03})


any_weights = st.builds(Weights, **dict.fromkeys(Weights.model_fields, st.floats(0, 10)))
any_text = st.one_of(st.sampled_from(["", "?", "Where?", "last week", PLAIN]), st.text(max_size=60))


@st.composite
def any_case(draw: st.DrawFn) -> tuple[RankingQuery, list[TurnCandidate], Outline, LexicalScores, Weights]:
    """Generate a search: a scope, candidates both inside and outside its outline, and weights."""
    turns = draw(st.lists(st.integers(1, 60), unique=True, max_size=20).map(sorted))
    scores = st.floats(0, 1)
    outline = outline_of(turns, sessions=draw(st.lists(st.integers(1, 3), min_size=len(turns), max_size=len(turns))))
    lexical = LexicalScores(
        *(np.array(draw(st.lists(scores, min_size=len(turns), max_size=len(turns)))) for _ in range(3))
    )
    candidates = [
        candidate_of(
            position,
            draw(st.floats(-1, 1)),
            draw(any_text),
            speaker=draw(st.sampled_from([None, "Anna", "Ben", "Cleo"])),
            role=draw(st.sampled_from(["user", "assistant", "system"])),
        )
        for position in draw(st.lists(st.integers(1, 60), unique=True, max_size=20))
    ]
    query = RankingQuery(
        draw(any_text),
        speakers=draw(st.sampled_from([frozenset[str](), ANNA_AND_BEN])),
        named=draw(st.sampled_from([frozenset[str](), frozenset({"Anna"}), ANNA_AND_BEN])),
        period=draw(st.sampled_from([None, AT_THE_MOMENT])),
    )
    return query, candidates, outline, lexical, draw(any_weights)


@given(any_case(), st.randoms(use_true_random=False))
def test_any_search_is_ordered_by_score(
    case: tuple[RankingQuery, list[TurnCandidate], Outline, LexicalScores, Weights],
    dice: Random,
) -> None:
    """Each candidate comes once, by falling score, and its parts add up, whatever the order of the candidates."""
    query, candidates, outline, lexical, weights = case
    ranked = rank(query, candidates, outline, lexical, weights)
    assert sorted(found.candidate.position for found in ranked) == sorted(c.position for c in candidates)
    scores = [found.score for found in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(found.score == pytest.approx(sum(found.parts.values())) for found in ranked)
    shuffled = dice.sample(candidates, len(candidates))
    assert rank(query, shuffled, outline, lexical, weights) == ranked
