"""Dead letters on a real Valkey: read, replayed and dropped."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.dead_letters import CannotReplay, DeadLetters
from eunoe_consumers.delivery.entry import Entry
from eunoe_consumers.delivery.stream_group import StreamGroup, ensure_groups, entries_of
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, dead_letters, stream

MESSAGES = stream(Subject.MESSAGES)


@pytest.fixture
async def window(redis: Redis) -> StreamGroup:
    """A consumer of the window group."""
    await ensure_groups(redis)
    return StreamGroup(redis, Group.WINDOW, consumer="a", keeps_entries=True)


@pytest.fixture
def letters(redis: Redis) -> DeadLetters:
    """The dead letters of the window group."""
    return DeadLetters(redis, Group.WINDOW)


async def bury(redis: Redis, window: StreamGroup, *bodies: dict[bytes, bytes], reason: str = "why") -> list[Entry]:
    """Append entries, read them and bury them."""
    for body in bodies:
        await redis.xadd(MESSAGES, cast("Any", body))
    reply = cast("list[Any]", await redis.xreadgroup(window.group, window.consumer, {MESSAGES: ">"}, 1_000))
    entries = entries_of(reply[0][1])
    for entry in entries:
        assert await window.bury(entry, reason)
    return entries


async def test_a_letter_says_what_was_buried_and_why(redis: Redis, window: StreamGroup, letters: DeadLetters) -> None:
    """Every field comes back typed, the entry's own as the bytes that they were."""
    fields = {b"__data__": b"\xff\x00", b"reason": b"a publisher's own"}
    (entry,) = await bury(redis, window, fields, reason="why: größe")
    (letter,) = [letter async for letter in letters.all()]
    assert (letter.group, letter.stream, letter.entry_id) == ("window", MESSAGES, entry.id)
    assert (letter.reason, letter.attempts, letter.fields) == ("why: größe", 1, fields)
    assert letter.first_seen == EntryOrder.parse(entry.id).time <= letter.buried_at
    assert await letters.get(letter.id) == letter
    assert await letters.get("1-1") is None
    assert await letters.count() == 1


async def test_what_somebody_else_wrote_there_can_be_read_and_dropped(redis: Redis, letters: DeadLetters) -> None:
    """A stranger's entry among the dead letters stops nobody from looking at the others."""
    await redis.xadd(dead_letters(Group.WINDOW), cast("Any", {"attempts": "many", "buried_ms": "-1", "x": b"\xff"}))
    (letter,) = [letter async for letter in letters.all()]
    assert (letter.reason, letter.attempts, letter.fields) == ("", 0, {})
    assert await letters.drop([letter.id]) == 1


async def test_a_replayed_letter_is_a_new_entry_with_the_same_fields(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """The original bytes, at the end of the stream, for every group; the letter is gone."""
    fields = {b"__data__": b"\xff\x00", b"entry:odd": b"", "größe".encode(): b"1"}
    await bury(redis, window, fields)
    (letter,) = [letter async for letter in letters.all()]
    new_id = await letters.replay(letter.id)
    assert new_id is not None
    last = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrevrange(MESSAGES, count=1))
    assert last == [(new_id.encode(), fields)]
    assert await letters.count() == 0


async def test_a_letter_is_replayed_once_whoever_asks_how_often(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """Several operators at the same letter make one new entry."""
    await bury(redis, window, {b"__data__": b"{}"})
    (letter,) = [letter async for letter in letters.all()]
    replies = await asyncio.gather(*(DeadLetters(redis, Group.WINDOW).replay(letter.id) for _ in range(5)))
    assert len([reply for reply in replies if reply is not None]) == 1
    assert await redis.xlen(MESSAGES) == 2


@pytest.mark.parametrize("count", [1, 1_000, 1_001, 3_500])
async def test_an_entry_of_thousands_of_fields_is_replayed(
    redis: Redis, window: StreamGroup, letters: DeadLetters, count: int
) -> None:
    """What could be buried can come back."""
    fields = {f"field {number}".encode(): str(number).encode() for number in range(count)}
    await bury(redis, window, fields)
    (letter,) = [letter async for letter in letters.all()]
    assert len(letter.fields) == min(count, 1_000)
    assert bool(letter.packed_bytes) == (count > 1_000)
    assert await letters.replay(letter.id)
    ((_, found),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrevrange(MESSAGES, count=1))
    assert found == fields


async def test_an_entry_too_large_to_replay_stays_and_says_so(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """A script cannot append so many fields: the letter is kept as it is."""
    await bury(redis, window, {f"field {number}".encode(): b"" for number in range(5_000)})
    (letter,) = [letter async for letter in letters.all()]
    with pytest.raises(CannotReplay, match="too many fields"):
        await letters.replay(letter.id)
    assert await letters.get(letter.id) == letter


async def test_a_letter_without_an_entry_stays_and_says_so(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """An entry that was deleted before it was buried cannot come back; nothing is lost by asking."""
    await redis.xadd(MESSAGES, {"a": "b"})
    reply = cast("list[Any]", await redis.xreadgroup(window.group, window.consumer, {MESSAGES: ">"}))
    assert await window.bury(Entry(entries_of(reply[0][1])[0].id, {}), "it was deleted")
    (letter,) = [letter async for letter in letters.all()]
    with pytest.raises(CannotReplay, match="holds no entry to replay: drop it"):
        await letters.replay(letter.id)
    assert await letters.count() == 1


async def test_all_are_those_that_there_were_in_order(redis: Redis, window: StreamGroup, letters: DeadLetters) -> None:
    """Page by page, the oldest first; what is buried meanwhile is left for the next time."""
    entries = await bury(redis, window, *({b"n": str(number).encode()} for number in range(250)))
    seen: list[str] = []
    async for letter in letters.all():
        seen.append(letter.entry_id)
        if len(seen) % 50 == 0:
            await bury(redis, window, {b"late": b"1"})
    assert seen == [entry.id for entry in entries]
    assert await letters.count() == 255
    assert [letter async for letter in DeadLetters(redis, Group.EMBED).all()] == []


async def test_dropped_letters_are_gone_and_others_stay(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """Any number at once; ids that are none count for nothing; the stream keeps its entries."""
    await bury(redis, window, *({b"n": str(number).encode()} for number in range(250)))
    first, *others = [letter.id async for letter in letters.all()]
    assert await letters.drop([*others, "1-1"]) == 249
    assert [letter.id async for letter in letters.all()] == [first]
    assert await letters.drop([]) == 0
    assert await redis.xlen(MESSAGES) == 250
