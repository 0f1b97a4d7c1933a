"""The words of messages and queries on a real PostgreSQL: codes, numbers, and scripts without spaces."""

from uuid import UUID

import asyncpg
import pytest

from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.migration_files import load_migrations
from eunoe_tests.events import scope_of
from eunoe_tests.memories import Memory

pytestmark = pytest.mark.slow

# Each message with queries that find it by words, and no other message.
FOUND = {
    "Patch CVE-2031-7741 before Friday.": "CVE-2031-7741|7741|cve 2031 7741|cve_2031_7741|CVE\u20132031\u20137741",
    "The spare part is XR-2207/B.": "2207|XR-2207/B|xr2207b|XR_2207_B|XR 2207 B|part number XR\u20132207",
    "My number is +49 170 1234567.": "+491701234567|1234567|49 170|0170-1234567",
    "Account DE89 3704 0044 0532 0130 00 is mine": "DE89370400440532013000|3704",
    "Transfer it to GB29NWBK60161331926819": "GB29 NWBK 6016 1331 9268 19",
    "We run release 2.4.1 of v9.7": "2.4.1|v9.7|release 2.4",
    "Ticket #4812 is open": "#4812|4812|ticket_4812",
    "room 0042 is free": "0042",
    "room 42 is taken": "42",
    "See report_final_v3.pdf": "report_final_v3.pdf|report|final v3|pdf",
    "mail anna.schmidt@example.com": "anna.schmidt@example.com|schmidt|Anna Schmidt|@anna",
    "docs at https://www.eunoe.dev/guide/start?page=7": "eunoe.dev|guide|https://www.eunoe.dev/guide/start?page=7",
    "flight LH438 leaves late": "LH 438|lh438|438",
    "gate A 17 please": "A17",
    "Vienna/Hamburg by train": "Hamburg|vienna",
    "Oslo\u2013Bergen by ship": "Bergen|Oslo",
    "tea—coffee—milk": "coffee|milk",
    "MAC address 0A:1B:44:11:3A:B7": "0A-1B-44-11-3A-B7|0a1b44113ab7",
    "Order \u2116 55-812": "55812|\u211655812|55/812",
    "She said “marmalade”…": "marmalade",
    "It costs 1,950 euros": "1950|1,950|1.950 euros",
    "It was -8 degrees": "8 degrees|-8",
    "\uff21\uff24\uff36\uff21\uff2e\uff23\uff25\uff24 keyboard": "advanced",
    "ADKを使う": "ADK|使う|adk使う",
    "Pythonの教程很好": "python|教程|好",
    "我的猫叫咪咪": "猫|咪咪|我的猫叫什么名字\uff1f",
    "วันนี้ฉันไปตลาด": "ตลาด|ไปตลาด",
    "비밀번호는 봄날입니다": "비밀번호가 뭐야?|봄날",
    "The cake 🎂 is ready": "🎂",
    "key " + "aZ9q" * 40: "aZ9q" * 40,
    "word " * 1200 + "The locker code is QX-5519/K. " + "word " * 100: "QX-5519/K|5519|qx5519k",
}


@pytest.fixture
async def reader(database: Database, tenant: UUID) -> CandidateReader:
    """A reader of a scope with all messages."""
    await Memory(database, HashEmbedder(384)).store(scope_of(tenant), *FOUND)
    return CandidateReader(database)


async def test_codes_and_words_of_every_script_are_found(reader: CandidateReader, tenant: UUID) -> None:
    """By the whole, by each part and in other spellings; by pairs of letters where a script has no spaces."""
    wrong: list[str] = []
    for place, (message, queries) in enumerate(FOUND.items()):
        for query in queries.split("|"):
            outline = await reader.outline(scope_of(tenant), query)
            found: dict[int, int] = {}
            for turn in outline.term_places.tolist():
                found[turn] = found.get(turn, 0) + 1
            best = max(found, key=lambda turn: found[turn], default=None)
            if best != place or list(found.values()).count(found[place]) > 1:
                wrong.append(f"{query!r} for {message[:40]!r}: {found}")
    assert wrong == []


@pytest.mark.parametrize(
    ("stored", "query"), [("room 0042", "42"), ("release 2.4", "24"), ("3/4 of it", "34"), ("it was -5", "15")]
)
async def test_other_numbers_are_not_found(database: Database, tenant: UUID, stored: str, query: str) -> None:
    """Leading zeros and decimal points count."""
    await Memory(database, HashEmbedder(384)).store(scope_of(tenant), stored)
    assert (await CandidateReader(database).outline(scope_of(tenant), query)).term_count == 0


async def test_the_migration_indexes_stored_turns_anew(
    reader: CandidateReader, tenant: UUID, database_url: str
) -> None:
    """And the down migration restores their old terms."""
    (migration,) = (one for one in load_migrations() if one.version == "0022")
    login = await asyncpg.connect(database_url)
    try:
        await login.execute(migration.down)
        assert await login.fetchval("SELECT count(*) FROM postings WHERE lexeme = '-7741'") == 1
        await login.execute(migration.up)
    finally:
        await login.close()
    assert (await reader.outline(scope_of(tenant), "7741")).term_places.tolist() == [0]
