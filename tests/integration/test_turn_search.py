"""The search for turns on a real PostgreSQL: by words, by meaning, by names and by dates."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.recall.query import understand
from eunoe_consumers.settings import Settings
from eunoe_schema.entries import EntryOrder
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of
from eunoe_tests.memories import ASKED_AT, FIRST_MS, Memory, events_of

pytestmark = pytest.mark.slow

WORDS = HashEmbedder(384)


@pytest.fixture
def memory(database: Database) -> Memory:
    """A store of turns whose embeddings depend on words only."""
    return Memory(database, WORDS)


def cosine(one: str, other: str) -> float:
    """Return the cosine of two texts in half precision, as PostgreSQL stores them."""
    halves = WORDS.embed([one, other]).astype(np.float16).astype(np.float64)
    return float(halves[0] @ halves[1] / np.linalg.norm(halves[0]) / np.linalg.norm(halves[1]))


async def test_a_turn_is_found_by_its_words_alone(memory: Memory, tenant: UUID) -> None:
    """A rare word in a text about something else: the vector of the whole text is not near the query."""
    scope = scope_of(tenant)
    await memory.store(scope, *(f"please tell me about the garden of number {n}" for n in range(60)))
    around = " ".join(f"noise{n}" for n in range(40))
    await memory.store(scope, f"{around} zx81 {around}", start=60)
    query = "please tell me about the zx81 of the garden"
    assert "e60" not in events_of(await memory.find(scope, query, ranking="cosine", candidates=30))
    found = await memory.find(scope, query, candidates=30)
    (by_words,) = [ranked for ranked in found if ranked.candidate.event_id == "e60"]
    assert by_words.parts["contextual_bm25"] > 0.1
    assert events_of(await memory.find(scope, query, ranking="bm25", candidates=30))[0] == "e60"


async def test_a_turn_is_found_by_its_meaning_alone(database: Database, model_cache: Path, tenant: UUID) -> None:
    """With the real model, a turn without a word of the query comes first. BM25 alone does not find it."""
    memory, scope = Memory(database, load_embedder(Settings(model_cache_dir=model_cache))), scope_of(tenant)
    taxes = [f"The tax office sent form {n} about income and the deadline for payment." for n in range(8)]
    await memory.store(scope, *taxes[:4], "Minka, my tabby, purrs all evening on the sofa.", *taxes[4:])
    query = "What pets does she keep: cats, dogs?"
    best = (await memory.find(scope, query))[0]
    assert (best.candidate.event_id, "contextual_bm25" in best.parts) == ("e4", False)
    assert {ranked.score for ranked in await memory.find(scope, query, ranking="bm25")} == {0}


async def test_letters_that_the_model_does_not_know_are_found_by_words(
    database: Database, model_cache: Path, tenant: UUID
) -> None:
    """And by nothing else: no other message comes, and none is near. The model has one token for all Thai words."""
    memory, scope = Memory(database, load_embedder(Settings(model_cache_dir=model_cache))), scope_of(tenant)
    market, cat, code = "วันนี้ฉันไปตลาด", "แมวของฉันชื่อมีมี่", "รหัสผ่านคือดอกไม้"
    await memory.store(scope, market, cat, code, "\U0001f389\U0001f389", "I adopted a cat.", "我的猫叫咪咪", "明天开会")
    asked = {"รหัสผ่านคืออะไร": "e2", "แมวชื่ออะไร": "e1", "\U0001f389": "e3", "咪咪是谁的猫": "e5"}
    for query, answer in asked.items():
        found = await memory.find(scope, query)
        assert (events_of(found)[0], [ranked.candidate.cosine for ranked in found]) == (answer, [0.0] * len(found))
    assert [ranked.candidate.event_id for ranked in await memory.find(scope, market) if ranked.candidate.cosine] == [
        "e0"
    ]
    assert await memory.find(scope, "ბიჭი") == []
    english = {ranked.candidate.event_id: ranked.candidate.cosine for ranked in await memory.find(scope, "My cat")}
    assert english.pop("e4") > 0.5
    assert max(english.values()) < 0.3


async def test_cosine_ranking_equals_brute_force_over_the_raw_query(memory: Memory, tenant: UUID) -> None:
    """System K's rule: the query with its names, all turns in numpy's order, and numpy's cosines."""
    scope, dice = scope_of(tenant), np.random.default_rng(5)
    contents = [" ".join(f"w{word}" for word in dice.integers(0, 30, size=6)) for _ in range(80)]
    await memory.store_events([event_of(scope, f"e{n}", text, speaker="W7") for n, text in enumerate(contents)])
    query = "W7 w3 w9 w20"
    wanted = {f"e{n}": cosine(query, text) for n, text in enumerate(contents)}
    found = await memory.find(scope, query, ranking="cosine", candidates=30)
    assert len(found) == 30
    assert [ranked.candidate.cosine for ranked in found] == pytest.approx(sorted(wanted.values())[:-31:-1], abs=1e-6)
    for ranked in found:
        assert ranked.candidate.cosine == pytest.approx(wanted[ranked.candidate.event_id], abs=1e-6)
        assert (ranked.score, ranked.parts) == (ranked.candidate.cosine, {"cosine": ranked.candidate.cosine})


async def test_a_name_is_not_embedded_and_lifts_the_turns_of_its_speaker(memory: Memory, tenant: UUID) -> None:
    """Of two speakers with the same text, the named one comes first. The query is embedded without the name."""
    scope = scope_of(tenant)
    said = "I adopted a dog in the shelter"
    await memory.store_events(
        [
            event_of(scope, "e0", said, speaker="Ben"),
            event_of(scope, "e1", said, speaker="Anna"),
            event_of(scope, "e2", "Anna Anna Anna", speaker="Ben"),
        ]
    )
    query = "What did Anna adopt?"
    found = {ranked.candidate.event_id: ranked for ranked in await memory.find(scope, query)}
    assert next(iter(found)) == "e1"
    assert [name for name, ranked in found.items() if "speaker" in ranked.parts] == ["e1"]
    stripped, _ = understand(query, frozenset({"Anna", "Ben"}), ASKED_AT)
    assert "Anna" not in stripped
    assert found["e2"].candidate.cosine == pytest.approx(cosine(stripped, "Anna Anna Anna"), abs=1e-6)


@pytest.mark.parametrize("role", ["user", "Assistant", "customer"])
async def test_a_message_role_as_speaker_is_no_name(memory: Memory, tenant: UUID, role: str) -> None:
    """Some gateways write the role as the speaker, and a query does not mean it."""
    scope = scope_of(tenant)
    await memory.store_events(
        [event_of(scope, "e0", "I adopted a dog", speaker=role), event_of(scope, "e1", "Me too", speaker="Anna")]
    )
    found = await memory.find(scope, f"What did the {role} adopt?")
    assert ["speaker" in ranked.parts for ranked in found] == [False, False]


async def test_a_period_lifts_the_turns_in_it(memory: Memory, tenant: UUID) -> None:
    """The gateway's time of the message counts, and periods are relative to the time of the request."""
    scope = scope_of(tenant)
    times = [datetime(2023, month, 10, tzinfo=UTC) for month in (4, 5, 6)]
    await memory.store_events(
        [event_of(scope, f"e{n}", "I ate soup and bread", occurred_at=moment) for n, moment in enumerate(times)]
    )
    assert events_of(await memory.find(scope, "What did I eat in May?"))[0] == "e1"
    asked_at = datetime(2023, 6, 12, tzinfo=UTC)
    assert events_of(await memory.find(scope, "What did I eat three days ago?", asked_at=asked_at))[0] == "e2"


async def test_all_turns_of_a_day_are_found_if_the_query_names_nothing_else(memory: Memory, tenant: UUID) -> None:
    """They are candidates by their time, and come before all others. A topic brings them with the days around it."""
    scope, asked_at = scope_of(tenant), datetime(2031, 6, 10, tzinfo=UTC)
    told = [f"what I did tell you about number {n}" for n in range(120)]
    days = [datetime(2031, 4 + n % 3, 1 + n % 9 + (n % 3 == 1) * 10, 9, n % 60, tzinfo=UTC) for n in range(120)]
    said = ["The boiler is leaking.", "Mia lost a tooth.", "Garden gate: green.", "I paid the rent."]
    times = [datetime(2031, 5, 3, hour, tzinfo=UTC) for hour in (0, 8, 15, 23)]
    earlier = [datetime(2030, 5, 3, 8, tzinfo=UTC), datetime(2031, 5, 4, 0, tzinfo=UTC)]
    contents, moments = [*told, *said, "Old news.", "The next day."], [*days, *times, *earlier]
    await memory.store_events(
        [
            event_of(scope, f"e{n}", text, occurred_at=moment)
            for n, (text, moment) in enumerate(zip(contents, moments, strict=True))
        ]
    )
    for query in (
        "What did I tell you on 3 May?",
        "what did I tell you on 2031-05-03",
        "Mai 3rd: what did I tell you?",
    ):
        found = await memory.find(scope, query.replace("Mai", "May"), candidates=30, asked_at=asked_at)
        assert set(events_of(found)[:4]) == {"e120", "e121", "e122", "e123"}, query
    by_topic = await memory.find(scope, "Was the gate green on 3 May?", candidates=30, asked_at=asked_at)
    assert events_of(by_topic)[0] == "e122"
    without = await memory.find(scope, "What did I tell you?", candidates=30, asked_at=asked_at)
    assert "e120" not in events_of(without)


async def test_turns_without_a_session_belong_to_their_thread(memory: Memory, tenant: UUID) -> None:
    """Writers without the gateway may name no session. Their threads are as separate as sessions are."""
    scope = scope_of(tenant)
    said = [("the wine is red", "t1"), ("the bus is late", "t2"), ("and cheap", "t1"), ("hello", None), ("bye", None)]
    await memory.store_events(
        [event_of(scope, f"e{n}", text, thread_id=thread) for n, (text, thread) in enumerate(said)]
    )
    found = {ranked.candidate.event_id: ranked for ranked in await memory.find(scope, "red wine")}
    assert [event for event, ranked in found.items() if ranked.parts.get("contextual_bm25", 0)] == ["e0", "e2"]
    positions = [found[f"e{n}"].candidate.position for n in range(5)]
    beside = await CandidateReader(memory.database).neighbours(scope, positions)
    pairs = [(b.before and b.before.event_id, b.after and b.after.event_id) for b in map(beside.__getitem__, positions)]
    assert pairs == [(None, "e2"), (None, None), ("e0", None), (None, "e4"), ("e3", None)]


async def test_a_long_message_is_found_by_its_best_piece(memory: Memory, tenant: UUID) -> None:
    """Its cosine and its span are those of the piece. By its beginning alone it would be far away."""
    scope = scope_of(tenant)
    beginning, ending = (" ".join(f"{name}{n}" for n in range(300)) for name in ("begin", "end"))
    await memory.store(scope, f"{beginning} {ending}", "something short about end299")
    query = " ".join(f"end{n}" for n in range(280, 300))
    found = {ranked.candidate.event_id: ranked.candidate for ranked in await memory.find(scope, query)}
    long = found["e0"]
    assert long.span is not None
    piece = long.content[slice(*long.span)]
    assert piece.endswith("end299")
    assert long.cosine == pytest.approx(cosine(query, piece), abs=1e-6)
    begins = {c.event_id: c for c in [r.candidate for r in await memory.find(scope, query, ranking="cosine")]}["e0"]
    assert (begins.span, begins.cosine < long.cosine - 0.05) == (None, True)
    assert found["e1"].span is None


async def test_a_long_message_found_by_its_beginning_has_the_span_of_it(memory: Memory, tenant: UUID) -> None:
    """The span is the part of the first piece that is in no other piece."""
    scope = scope_of(tenant)
    text = " ".join(f"word{n}" for n in range(600))
    await memory.store(scope, text)
    (found,) = await memory.find(scope, " ".join(f"word{n}" for n in range(20)))
    assert found.candidate.span is not None
    starts_at, ends_at = found.candidate.span
    assert starts_at == 0
    assert 100 < len(text[:ends_at].split()) < 256


async def test_scopes_of_equal_ids_and_words_never_meet(memory: Memory, tenant: UUID, other_tenant: UUID) -> None:
    """Two tenants, two agents and two users with the same events at the same time: each finds its own."""
    scopes = [
        scope_of(tenant),
        scope_of(other_tenant),
        scope_of(tenant, agent=OTHER_AGENT),
        scope_of(tenant, "grace"),
    ]
    for place, scope in enumerate(scopes):
        await memory.store_events([event_of(scope, "e1", f"my secret is apple {place}", speaker=f"Name{place}")])
    for ranking in ("fusion", "cosine", "bm25"):
        for place, scope in enumerate(scopes):
            (found,) = await memory.find(scope, "secret apple", ranking=ranking)
            assert found.candidate.content == f"my secret is apple {place}"
    for place, scope in enumerate(scopes):
        assert (await CandidateReader(memory.database).facts(scope)).users == {f"Name{place}"}
    assert await memory.find(scope_of(tenant, "nobody"), "secret apple") == []


async def test_a_hash_collision_returns_no_turn_of_another_user(
    memory: Memory, database_url: str, tenant: UUID, other_tenant: UUID
) -> None:
    """Postings name their scope by a hash. If two users share one, a word still finds only the own turn.

    Postings of another tenant with the same hash are invisible.
    """
    ada, grace, other = scope_of(tenant), scope_of(tenant, "grace"), scope_of(other_tenant, "grace")
    await memory.store(ada, "apple pie")
    await memory.store(grace, "apple secret", start=10)
    await memory.store(other, "apple secret of another tenant", start=20)
    login = await asyncpg.connect(database_url)
    try:
        await login.execute(
            "UPDATE postings SET scope_hash = eunoe_scope_hash($3, $4) WHERE scope_hash = eunoe_scope_hash($1, $2)",
            grace.agent_id,
            grace.user_id,
            ada.agent_id,
            ada.user_id,
        )
    finally:
        await login.close()
    outline = await CandidateReader(database=memory.database).outline(ada, "secret apple")
    times = {EntryOrder(FIRST_MS + at, 0).position for at in (0, 10)}
    assert set(outline.positions.tolist()) == times, "of another tenant"
    for query in ("secret", "apple"):
        (found,) = await memory.find(ada, query)
        assert found.candidate.content == "apple pie"
