"""What is removed stays removed: a tenant that is registered again under its id starts empty, and loses nothing new."""

import asyncio
from typing import TypeAlias, cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.cli.tenant_administration import Tenants
from eunoe_consumers.delivery.dead_letters import CannotReplay, DeadLetters
from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.removed_tenants import RemovedTenants
from eunoe_consumers.delivery.stream_figures import read_figures
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.postgres.turns import TurnWriter
from eunoe_consumers.settings import Settings
from eunoe_consumers.window.window import Windows
from eunoe_producers import CurationTimeout, Curator, Gateway
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.memory import MemoryScope, NewMemory
from eunoe_schema.recall import WindowMessage
from eunoe_schema.streams import Group, Subject, dead_letters, stream
from eunoe_tests.curation import quick
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

MESSAGES = stream(Subject.MESSAGES)
Kept: TypeAlias = tuple[list[str], list[str], list[str], list[str]]
GROUPS = (Group.WINDOW, Group.EMBED, Group.CURATE)


@pytest.fixture
def tenants(database: Database, redis: Redis) -> Tenants:
    """The table and the registry."""
    table = TenantTable(database)
    return Tenants(table, TenantRegistry(redis, table))


async def consume_all(settings: Settings, redis: Redis) -> None:
    """Consume until every group has finished its stream."""

    async def finished() -> bool:
        figures = [group for group in (await read_figures(redis)).groups if group.group in GROUPS]
        return all(group.exists and group.lag == 0 and group.pending == 0 for group in figures)

    async with consuming(quick(settings), *GROUPS):
        await wait_until(finished)


async def kept(database_url: str, redis: Redis, tenant: UUID) -> Kept:
    """Return the contents of turns, window and memories of a tenant, and every name of its users."""
    connection = await asyncpg.connect(database_url)
    try:
        turns, memories, users = [
            [row[0] for row in await connection.fetch(statement, tenant)]
            for statement in (
                "SELECT content FROM conversation_embeddings WHERE tenant_id = $1 ORDER BY position",
                "SELECT content FROM memories WHERE tenant_id = $1 ORDER BY created_at",
                "SELECT user_id FROM users WHERE tenant_id = $1 ORDER BY user_id",
            )
        ]
    finally:
        await connection.close()
    window = [message.content for message in await Windows(redis, size=20).read(scope_of(tenant))]
    return turns, window, memories, users


async def lose_places(redis: Redis) -> None:
    """Let every group read its stream from the beginning, as after a loss of the groups."""
    for group in GROUPS:
        await redis.xgroup_destroy(stream(group.subject), group)


async def test_a_tenant_that_is_registered_again_starts_empty(
    settings: Settings, tenants: Tenants, redis: Redis, database_url: str
) -> None:
    """Neither unread entries nor a group that lost its place bring back messages, windows, memories or users."""
    tenant = (await tenants.add("acme")).id
    url = settings.redis_url or ""
    async with await Gateway.connect(url) as gateway, await Curator.connect(url) as curator:
        await gateway.publish_many(
            [event_of(scope_of(tenant, user), f"e{n}", f"old {n}") for n, user in enumerate(("ada", "bob", "ada"))]
        )
        mine = MemoryScope.of(scope_of(tenant))
        with pytest.raises(CurationTimeout):  # nobody consumes: the request stays on the stream
            await curator.remember(mine, NewMemory(content="old"), deadline=0.1)
        await tenants.remove(tenant)
        await tenants.add("acme", tenant)
        await gateway.publish(event_of(scope_of(tenant), "e0", "new"))
        await tenants.add("acme", tenant)  # a repeated call changes nothing
        expected: Kept = (["new"], ["new"], [], ["ada"])
        await consume_all(settings, redis)
        assert await kept(database_url, redis, tenant) == expected

        await lose_places(redis)
        await redis.delete(keys.window(scope_of(tenant)))
        await consume_all(settings, redis)
        assert await kept(database_url, redis, tenant) == expected

        await lose_places(redis)
        await redis.delete(keys.TENANTS, keys.REMOVED_TENANTS)  # the registry is filled from PostgreSQL
        await consume_all(settings, redis)
        assert await kept(database_url, redis, tenant) == expected

        await tenants.remove(tenant)
        await lose_places(redis)
        await consume_all(settings, redis)
        await tenants.add("acme", tenant)
        await lose_places(redis)
        await consume_all(settings, redis)
        assert await kept(database_url, redis, tenant) == ([], [], [], [])
    assert [await redis.xlen(dead_letters(group)) for group in GROUPS] == [0, 0, 0]


async def test_what_is_held_during_the_removal_is_dropped(
    tenants: Tenants, redis: Redis, database: Database, database_url: str
) -> None:
    """A consumer that froze with accepted entries adds nothing when it wakes; entries of the same batch are stored."""
    tenant = (await tenants.add("acme")).id
    windows, scope = Windows(redis, size=20), scope_of(tenant)
    effect = EmbedAndStore(
        HashEmbedder(384),
        TurnWriter(database, embedding_model="eunoe/hash"),
        batch_tokens=1_000,
        max_pieces=1,
        removed=RemovedTenants(redis),
    )
    held = cast("bytes", await redis.xadd(MESSAGES, {"n": "1"})).decode()
    await tenants.remove(tenant)
    await tenants.add("acme", tenant)
    new = cast("bytes", await redis.xadd(MESSAGES, {"n": "2"})).decode()
    old_message, message = (
        WindowMessage(role="user", content=text, id=at) for text, at in (("old", held), ("new", new))
    )
    assert await windows.append(scope, [message], loaded=[old_message])
    assert await windows.append(scope, [old_message])
    await effect([Delivered(Entry(at, {}), event_of(scope, at, text)) for at, text in ((held, "old"), (new, "new"))])
    assert (await kept(database_url, redis, tenant))[:2] == (["new"], ["new"])


async def test_a_dead_letter_of_a_removed_tenant_is_not_replayed(
    settings: Settings, tenants: Tenants, redis: Redis
) -> None:
    """As a new entry it would come back. A dead letter of the new registration is replayed."""
    tenant, stranger = (await tenants.add("acme")).id, uuid4()
    for n, owner in enumerate((tenant, stranger)):
        await redis.xadd(MESSAGES, {"__data__": event_of(scope_of(owner), f"e{n}", "x").model_dump_json()})
    await redis.srem(keys.TENANTS, str(tenant))
    letters = DeadLetters(redis, Group.EMBED)
    await tenants.table.remove(tenant)  # so that the consumer does not register it again
    await consume_all(settings, redis)
    of_tenant, of_stranger = [letter.id async for letter in letters.all()]
    await tenants.registry.remove(tenant)
    for owner, name in ((tenant, "acme"), (stranger, "umbrella")):
        await tenants.add(name, owner)
    with pytest.raises(CannotReplay, match="belongs to a tenant that was removed"):
        await letters.replay(of_tenant)
    assert await letters.replay(of_stranger) is not None  # it was unknown, and never removed


async def test_no_new_entry_is_skipped_after_redis_lost_its_data(tenants: Tenants, redis: Redis) -> None:
    """On a new stream, ids may be smaller than those of the removal, if the clock of the new server is behind."""
    tenant = (await tenants.add("acme")).id
    await redis.xadd(MESSAGES, {"n": "1"})
    await tenants.remove(tenant)
    await tenants.add("acme", tenant)
    check = await tenants.registry.check({tenant}, Subject.MESSAGES)
    assert tenant in check.removed
    assert await RemovedTenants(redis).last_entries({tenant}, Subject.MEMORY) == {}
    await redis.flushall()
    await tenants.registry.fill_if_absent()
    await redis.xadd(MESSAGES, {"n": "2"}, id="5-1")
    await tenants.registry.fill()
    check = await tenants.registry.check({tenant}, Subject.MESSAGES)
    assert check.removed.get(tenant, EntryOrder(0, 0)) < EntryOrder(5, 1)
    assert check.unknown == frozenset()


async def test_a_registration_during_consumption_skips_nothing_new(tenants: Tenants, redis: Redis) -> None:
    """Whoever fills the registry first, entries that are published afterwards count as new."""
    tenant = (await tenants.add("acme")).id
    await redis.xadd(MESSAGES, {"n": "1"})
    await tenants.remove(tenant)
    ids = await tenants.registry.last_entry_ids()
    await tenants.table.add("acme", tenant, last_entry_ids=ids)
    await asyncio.gather(*(tenants.registry.check({tenant}, Subject.MESSAGES) for _ in range(5)))
    new = cast("bytes", await redis.xadd(MESSAGES, {"n": "2"})).decode()
    await tenants.registry.add(tenant)
    await tenants.registry.fill()
    check = await tenants.registry.check({tenant}, Subject.MESSAGES)
    assert EntryOrder.parse(ids["messages"]) == check.removed[tenant] < EntryOrder.parse(new)
