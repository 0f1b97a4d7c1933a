"""Speakers on a real PostgreSQL: names that are topics, and speakers who have just written for the first time."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE
from eunoe_consumers.recall.turn_search import RankingOptions, Stages, TurnSearch
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.memories import ASKED_AT, Memory, events_of

pytestmark = pytest.mark.slow

CHAT = [
    ("user", "I installed Python with brew on my laptop."),
    ("assistant", "Thank you, noted."),
    ("user", "In Berlin I ate at a small place near the river."),
    ("assistant", "Thanks, I will remember that."),
    ("user", "The recipe with lentils needs two onions."),
    ("assistant", "Noted, thank you."),
    ("user", "I planted a rose beside the door."),
    ("assistant", "That sounds lovely."),
    ("user", "The baker on the corner sells rye bread."),
    ("assistant", "Good to know."),
]
# Each question with the message that answers it.
QUESTIONS = {
    "How did I install Python?": 0,
    "how did i install python": 0,
    "Where in Berlin did I eat?": 2,
    "Berlin: where did I eat?": 2,
    "Which recipe needs onions?": 4,
    "What does the lentils recipe need?": 4,
    "Where did I plant the rose?": 6,
    "What does the baker sell?": 8,
}
# Pairs of a user's and an assistant's name.
NAMES = [
    ("Ada", "Python Tutor"),
    ("Ada", "Berlin Guide"),
    ("Ada", "Recipe Helper"),
    ("Ada", "Python"),
    ("Ada", "Berlin"),
    ("Ada", "Rose"),
    ("Python Pete", "Assistant"),
    ("Berlin", "Rose"),
    ("Rose", "Chef"),
    ("Will Baker", "Recipe Helper"),
    (None, "Python Tutor"),
]


@pytest.fixture
def memory(database: Database) -> Memory:
    """A store of turns whose embeddings depend on words only."""
    return Memory(database, HashEmbedder(384))


async def test_a_name_that_is_a_topic_changes_no_first_rank(memory: Memory, tenant: UUID) -> None:
    """The same conversation under many names: every question gets the same first answer as without names."""
    wrong: list[str] = []
    for number, (user, assistant) in enumerate([(None, None), *NAMES]):
        scope = scope_of(tenant, f"user{number}")
        speakers = {"user": user, "assistant": assistant}
        events = [
            event_of(scope, f"e{n}", text, role=role, speaker=speakers[role]) for n, (role, text) in enumerate(CHAT)
        ]
        await memory.store_events(events, start=number * 100)
        addressed = {f"{assistant}, {question}": place for question, place in QUESTIONS.items()} if assistant else {}
        for question, place in (QUESTIONS | addressed).items():
            found = events_of(await memory.find(scope, question))
            if found[0] != f"e{place}":
                wrong.append(f"{user} and {assistant}: {question} {found[:3]}")
    assert wrong == []


async def test_a_speaker_is_known_from_the_first_message_on(memory: Memory, tenant: UUID) -> None:
    """A search that has cached the scope's speakers finds a new one by name, and by "@"."""
    scope = scope_of(tenant)
    options = RankingOptions(ranking="fusion", dialogue=DIALOGUE, assistant=ASSISTANT, candidates=100)
    embedder = CoalescingEmbedder(memory.embedder, texts_per_run=16)
    search = TurnSearch(CandidateReader(memory.database), embedder, options)

    async def ask(query: str) -> Sequence[Ranked]:
        return await search.find(scope, query, asked_at=ASKED_AT, wanted=10, beyond=0, stages=Stages())

    def named(found: Sequence[Ranked]) -> list[str]:
        return [ranked.candidate.event_id for ranked in found if "speaker" in ranked.parts]

    await memory.store_events([event_of(scope, "e0", "I like soup", speaker="Ada")])
    assert named(await ask("What does Will like?")) == []
    await memory.store_events([event_of(scope, "e1", "I like tea", speaker="Will")], start=1)
    for query in ("What does Will like?", "what does @will like", "what does @Will like", "@will.baker likes what"):
        assert named(await ask(query)) == ["e1"], query
    await memory.store_events([event_of(scope, "e2", "I like figs", speaker="Zoe")], start=2)
    assert named(await ask("What does Zoe like?")) == ["e2"]
