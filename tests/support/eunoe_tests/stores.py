"""Reads both stores without Eunoe's own code, which might hide its own faults."""

import json
from typing import Any, cast

import asyncpg
from redis.asyncio import Redis

from eunoe_schema import Scope, keys
from eunoe_schema.streams import Group, dead_letters, stream


async def stored_events(database_url: str, scope: Scope) -> list[str]:
    """Return the event ids of a scope's rows in stream order, as a superuser sees them."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT event_id FROM conversation_embeddings "
            "WHERE tenant_id = $1 AND agent_id = $2 AND user_id = $3 ORDER BY position",
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
        )
    finally:
        await connection.close()
    return [row["event_id"] for row in rows]


async def count_rows(database_url: str) -> int:
    """Count the turns of all scopes."""
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM conversation_embeddings"))
    finally:
        await connection.close()


async def window_of(redis: Redis, scope: Scope) -> list[dict[str, Any]]:
    """Return a window as any reader would see it: LRANGE and JSON."""
    return [json.loads(body) for body in await redis.lrange(keys.window(scope), 0, -1)]


async def window_events(redis: Redis, scope: Scope) -> list[str]:
    """Return the event ids of a window."""
    return [message["event_id"] for message in await window_of(redis, scope)]


async def pending(redis: Redis, group: Group) -> int:
    """Count the pending entries of a group; 0 before its first consumer."""
    name = stream(group.subject)
    groups = await redis.xinfo_groups(name) if await redis.exists(name) else []
    return sum(int(info["pending"]) for info in groups if info["name"].decode() == group)


async def consumed(redis: Redis, *groups: Group) -> bool:
    """Return whether the groups have no unread and no pending entry."""
    infos = {info["name"].decode(): info for info in await redis.xinfo_groups(stream(groups[0].subject))}
    return all(group in infos and infos[group]["lag"] == 0 and infos[group]["pending"] == 0 for group in groups)


async def consumers(redis: Redis, group: Group) -> list[str]:
    """Return the names of a group's consumers."""
    return [info["name"].decode() for info in await redis.xinfo_consumers(stream(group.subject), group)]


async def dead_entries(redis: Redis, group: Group) -> list[dict[bytes, bytes]]:
    """Return the dead letters of a group, the oldest first."""
    letters = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(dead_letters(group)))
    return [fields for _, fields in letters]


async def dead(redis: Redis, group: Group) -> dict[str, str]:
    """Return the reason of each dead letter of a group, by entry id."""
    letters = await dead_entries(redis, group)
    return {letter[b"entry_id"].decode(): letter[b"reason"].decode() for letter in letters}
