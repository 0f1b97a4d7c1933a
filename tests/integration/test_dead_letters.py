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


async def make_dead_letters(
    redis: Redis, window: StreamGroup, *bodies: dict[bytes, bytes], reason: str = "why"
) -> list[Entry]:
    """Append entries, read them and dead-letter them."""
    for body in bodies:
        await redis.xadd(MESSAGES, cast("Any", body))
    reply = cast("list[Any]", await redis.xreadgroup(window.group, window.consumer, {MESSAGES: ">"}, 1_000))
    entries = entries_of(reply[0][1])
    for entry in entries:
        assert await window.dead_letter(entry, reason)
    return entries


async def test_a_dead_letter_has_the_entry_and_the_reason(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """Its own fields are typed; those of the entry are the original bytes."""
    fields = {b"__data__": b"\xff\x00", b"reason": b"a publisher's own"}
    (entry,) = await make_dead_letters(redis, window, fields, reason="why: größe")
    (letter,) = [letter async for letter in letters.all()]
    assert (letter.group, letter.stream, letter.entry_id) == ("window", MESSAGES, entry.id)
    assert (letter.reason, letter.attempts, letter.fields) == ("why: größe", 1, fields)
    assert letter.first_seen == EntryOrder.parse(entry.id).time <= letter.dead_lettered_at
    assert await letters.get(letter.id) == letter
    assert await letters.get("1-1") is None
    assert await letters.count() == 1


async def test_a_foreign_entry_among_dead_letters_can_be_read_and_dropped(redis: Redis, letters: DeadLetters) -> None:
    """It must not keep anybody from reading the others."""
    await redis.xadd(dead_letters(Group.WINDOW), cast("Any", {"attempts": "many", "buried_ms": "-1", "x": b"\xff"}))
    (letter,) = [letter async for letter in letters.all()]
    assert (letter.reason, letter.attempts, letter.fields) == ("", 0, {})
    assert await letters.drop([letter.id]) == 1


async def test_a_replayed_dead_letter_is_a_new_entry_with_the_same_fields(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """It is appended for every group, and the dead letter is deleted."""
    fields = {b"__data__": b"\xff\x00", b"entry:odd": b"", "größe".encode(): b"1"}
    await make_dead_letters(redis, window, fields)
    (letter,) = [letter async for letter in letters.all()]
    new_id = await letters.replay(letter.id)
    assert new_id is not None
    last = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrevrange(MESSAGES, count=1))
    assert last == [(new_id.encode(), fields)]
    assert await letters.count() == 0


async def test_concurrent_replays_append_one_entry(redis: Redis, window: StreamGroup, letters: DeadLetters) -> None:
    """Several operators may replay the same dead letter."""
    await make_dead_letters(redis, window, {b"__data__": b"{}"})
    (letter,) = [letter async for letter in letters.all()]
    replies = await asyncio.gather(*(DeadLetters(redis, Group.WINDOW).replay(letter.id) for _ in range(5)))
    assert len([reply for reply in replies if reply is not None]) == 1
    assert await redis.xlen(MESSAGES) == 2


@pytest.mark.parametrize("count", [1, 1_000, 1_001, 3_500])
async def test_an_entry_with_thousands_of_fields_is_replayed(
    redis: Redis, window: StreamGroup, letters: DeadLetters, count: int
) -> None:
    """Packed fields are unpacked."""
    fields = {f"field {number}".encode(): str(number).encode() for number in range(count)}
    await make_dead_letters(redis, window, fields)
    (letter,) = [letter async for letter in letters.all()]
    assert len(letter.fields) == min(count, 1_000)
    assert bool(letter.packed_bytes) == (count > 1_000)
    assert await letters.replay(letter.id)
    ((_, found),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrevrange(MESSAGES, count=1))
    assert found == fields


async def test_an_entry_too_large_to_replay_is_kept(redis: Redis, window: StreamGroup, letters: DeadLetters) -> None:
    """A script cannot append so many fields. The error says so."""
    await make_dead_letters(redis, window, {f"field {number}".encode(): b"" for number in range(5_000)})
    (letter,) = [letter async for letter in letters.all()]
    with pytest.raises(CannotReplay, match="too many fields"):
        await letters.replay(letter.id)
    assert await letters.get(letter.id) == letter


async def test_a_dead_letter_without_an_entry_is_kept(redis: Redis, window: StreamGroup, letters: DeadLetters) -> None:
    """The entry was deleted before it was dead-lettered. The error says so."""
    await redis.xadd(MESSAGES, {"a": "b"})
    reply = cast("list[Any]", await redis.xreadgroup(window.group, window.consumer, {MESSAGES: ">"}))
    assert await window.dead_letter(Entry(entries_of(reply[0][1])[0].id, {}), "it was deleted")
    (letter,) = [letter async for letter in letters.all()]
    with pytest.raises(CannotReplay, match="holds no entry to replay: drop it"):
        await letters.replay(letter.id)
    assert await letters.count() == 1


async def test_all_yields_the_present_dead_letters_in_order(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """Page by page, the oldest first. Later ones are left out."""
    entries = await make_dead_letters(redis, window, *({b"n": str(number).encode()} for number in range(250)))
    seen: list[str] = []
    async for letter in letters.all():
        seen.append(letter.entry_id)
        if len(seen) % 50 == 0:
            await make_dead_letters(redis, window, {b"late": b"1"})
    assert seen == [entry.id for entry in entries]
    assert await letters.count() == 255
    assert [letter async for letter in DeadLetters(redis, Group.EMBED).all()] == []


async def test_dropping_deletes_only_the_named_dead_letters(
    redis: Redis, window: StreamGroup, letters: DeadLetters
) -> None:
    """Unknown ids count for nothing, and the stream keeps its entries."""
    await make_dead_letters(redis, window, *({b"n": str(number).encode()} for number in range(250)))
    first, *others = [letter.id async for letter in letters.all()]
    assert await letters.drop([*others, "1-1"]) == 249
    assert [letter.id async for letter in letters.all()] == [first]
    assert await letters.drop([]) == 0
    assert await redis.xlen(MESSAGES) == 250
