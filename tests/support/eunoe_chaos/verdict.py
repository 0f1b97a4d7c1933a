"""The verdict: the receipts of the gateways, compared with the contents of both stores."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import asyncpg
from redis.asyncio import Redis

from eunoe_chaos.ledger import Conversation, Ledger
from eunoe_chaos.poison import Poison, name_in
from eunoe_schema import Scope, keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, stream

_PAGE = 1_000
# The number of a message is a term of its own, so its postings can be found by it.
_ROWS = r"""
SELECT turn.tenant_id, agent_id, user_id, event_id, role, content, turn.position, term.lexeme IS NOT NULL AS has_terms
FROM conversation_embeddings AS turn
LEFT JOIN (SELECT DISTINCT tenant_id, scope_hash, lexeme FROM postings) AS term
    ON term.tenant_id = turn.tenant_id
    AND term.scope_hash = eunoe_scope_hash(turn.agent_id, turn.user_id)
    AND term.lexeme = substring(turn.content FROM '\] (\d+):')
"""
_WINDOWS = "*:memory:short:*"


@dataclass
class Verdict:
    """The number of defects of each kind. Every number must be 0.

    Attributes:
        lost_events: Events with a receipt and without a row, or without terms, in PostgreSQL.
        doubled_events: Rows beyond the first of an event, and entries beyond the first on the stream.
        wrong_rows: Rows with another text, role or position than the published event.
        foreign_rows: Rows of a scope or an event that was never published, or with a text of another scope.
        lost_window_messages: Messages that are missing among the last messages in the window of their scope.
        doubled_window_messages: Messages that are in a window twice.
        misordered_window_messages: Messages behind a later one, or too old for the window.
        foreign_window_messages: Messages of another scope, or in a window of a scope that was never used.
        good_events_dead: Dead letters without poison for that group.
        poison_not_dead: Poisoned entries without a dead letter of a group that must refuse them.
        doubled_dead_letters: Dead letters beyond the first of an entry.
        contradicting_receipts: Events with receipts for several entries, or for an entry that is not on the stream.
        reordered_events: Events that are on the stream before an earlier event of their conversation.
        details: The defects with their ids, as a start for debugging.
    """

    lost_events: int = 0
    doubled_events: int = 0
    wrong_rows: int = 0
    foreign_rows: int = 0
    lost_window_messages: int = 0
    doubled_window_messages: int = 0
    misordered_window_messages: int = 0
    foreign_window_messages: int = 0
    good_events_dead: int = 0
    poison_not_dead: int = 0
    doubled_dead_letters: int = 0
    contradicting_receipts: int = 0
    reordered_events: int = 0
    details: list[str] = field(default_factory=list[str])

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


async def judge(
    ledger: Ledger, poison: Sequence[Poison], redis: Redis, database_url: str, *, window_messages: int
) -> Verdict:
    """Compare both stores with the ledger, after every group has finished."""
    verdict = Verdict(reordered_events=ledger.out_of_order())
    await _judge_stream(verdict, ledger, redis)
    await _judge_rows(verdict, ledger, database_url)
    await _judge_windows(verdict, ledger, redis, window_messages)
    for group in Group:
        await _judge_dead(verdict, ledger, poison, redis, group)
    return verdict


async def _judge_stream(verdict: Verdict, ledger: Ledger, redis: Redis) -> None:
    """Check that each event is on the stream once, at the entry id of its receipt."""
    expected = {(event.event.scope, event.event.event_id): event for event in ledger.events}
    found: Counter[tuple[Scope, str]] = Counter()
    there: set[str] = set()
    begin = "-"
    while page := cast(
        "list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(stream(Subject.MESSAGES), begin, count=_PAGE)
    ):
        for entry_id, fields in page:
            there.add(entry_id.decode())
            if (key := _event_key(fields)) in expected:
                found[key] += 1
        begin = f"({page[-1][0].decode()}"
    verdict.doubled_events += sum(count - 1 for count in found.values())
    absent = sum(event.entry_id not in there for event in ledger.events if event.entry_ids)
    verdict.contradicting_receipts = ledger.contradictions() + absent


def _event_key(fields: Mapping[bytes, bytes]) -> tuple[Scope, str] | None:
    try:
        body = cast("dict[str, Any]", json.loads(fields[DATA_FIELD.encode()]))
        scope = Scope(tenant_id=body["tenant_id"], agent_id=body["agent_id"], user_id=body["user_id"])
        return scope, cast("str", body["event_id"])
    except (KeyError, ValueError):  # poison
        return None


async def _judge_rows(verdict: Verdict, ledger: Ledger, database_url: str) -> None:
    """Check that each accepted event is one row of its scope, as published and at its receipt's position."""
    expected = {
        (event.event.scope, event.event.event_id): event
        for event in ledger.events
        if event.kind == "good" and event.entry_ids
    }
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(_ROWS)
    finally:
        await connection.close()
    found: Counter[tuple[Scope, str]] = Counter()
    for row in rows:
        key = (
            Scope(tenant_id=row["tenant_id"], agent_id=row["agent_id"], user_id=row["user_id"]),
            cast("str", row["event_id"]),
        )
        published = expected.get(key)
        found[key] += 1
        if published is None:
            verdict.foreign_rows += 1
            continue
        verdict.foreign_rows += row["content"].partition("] ")[0] != published.event.content.partition("] ")[0]
        verdict.wrong_rows += (row["role"], row["content"], row["position"]) != (
            published.event.role,
            published.event.content,
            published.order.position,
        )
        verdict.lost_events += not row["has_terms"]
    verdict.lost_events += len(expected.keys() - found.keys())
    verdict.doubled_events += sum(count - 1 for count in found.values())


async def _judge_windows(verdict: Verdict, ledger: Ledger, redis: Redis, size: int) -> None:
    """Check that each window holds the last messages of its scope in stream order, and that no other window exists."""
    ours = {keys.window(conversation.scope).encode() for conversation in ledger.conversations}
    async for key in cast("AsyncIterator[bytes]", redis.scan_iter(match=_WINDOWS, count=_PAGE)):
        if key not in ours:
            verdict.foreign_window_messages += await redis.llen(key)
    for conversation in ledger.conversations:
        bodies = await redis.lrange(keys.window(conversation.scope), 0, -1)
        messages = [cast("dict[str, Any]", json.loads(body)) for body in bodies]
        _judge_window(verdict, conversation, messages, size)


def _judge_window(
    verdict: Verdict, conversation: Conversation, messages: Sequence[Mapping[str, Any]], size: int
) -> None:
    # The window does not use the model, so it also holds the messages that the model refuses.
    expected = {event.entry_id: event.event.content for event in conversation.accepted()[-size:]}
    ids = [cast("str", message["id"]) for message in messages]
    verdict.lost_window_messages += len(expected.keys() - set(ids))
    verdict.doubled_window_messages += len(ids) - len(set(ids))
    orders = [EntryOrder.parse(entry_id) for entry_id in ids]
    verdict.misordered_window_messages += sum(later < earlier for earlier, later in pairwise(orders))
    if ids != list(expected):
        verdict.details.append(f"{conversation.mark}window {ids}, expected {list(expected)}")
    for message in messages:
        if not message["content"].startswith(conversation.mark):
            verdict.foreign_window_messages += 1
        elif expected.get(message["id"]) != message["content"]:
            verdict.misordered_window_messages += 1


async def _judge_dead(verdict: Verdict, ledger: Ledger, poison: Sequence[Poison], redis: Redis, group: Group) -> None:
    """Check that each poison entry is one dead letter of every group that must refuse it, and nothing else is."""
    expected = _must_be_dead(ledger, poison, group)
    perhaps = {entry.name for entry in poison if entry.subject is group.subject and entry.perhaps_more}
    letters = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(dead_letters(group)))
    found = Counter(letter[b"entry_id"].decode() for _, letter in letters)
    verdict.poison_not_dead += len(set(expected) - found.keys())
    verdict.doubled_dead_letters += sum(count - 1 for count in found.values())
    verdict.good_events_dead += sum(
        letter[b"entry_id"].decode() not in expected and name_in(letter) not in perhaps for _, letter in letters
    )


def _must_be_dead(ledger: Ledger, poison: Sequence[Poison], group: Group) -> Collection[str]:
    ids = {entry_id for entry in poison if entry.subject is group.subject for entry_id in entry.entry_ids}
    if group is Group.EMBED:
        ids |= {event.entry_id for event in ledger.events if event.kind != "good" and event.entry_ids}
    return ids
