"""The language of a tenant: how it is set, what it changes, and how an unknown one is refused."""

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.cli.tenant_administration import Tenants
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_schema.scope import Scope
from eunoe_schema.streams import Subject
from eunoe_tests.events import scope_of
from eunoe_tests.memories import Memory


@pytest.fixture
def table(database: Database) -> TenantTable:
    """The table of tenants."""
    return TenantTable(database)


async def stored(database: Database, language: str | None, *contents: str) -> Scope:
    """Return a scope of a new tenant, with stored messages."""
    tenant = await TenantTable(database).add(f"tenant {language}", language=language)
    scope = scope_of(tenant.id)
    await Memory(database, HashEmbedder(384)).store(scope, *contents)
    return scope


async def found(database: Database, scope: Scope, query: str) -> list[int]:
    """Return the messages in which the words of a query occur, counted from 0."""
    outline = await CandidateReader(database).outline(scope, query)
    return sorted(set(outline.term_places.tolist()))


async def test_a_tenant_is_english_by_default(database: Database, table: TenantTable) -> None:
    """Words are stemmed in English, and English stop words are ignored."""
    scope = await stored(database, None, "I was running.", "Die H\u00e4user und der Wald")
    assert [tenant.language for tenant in await table.registered()] == ["english"]
    assert await found(database, scope, "Who runs?") == [0]
    assert await found(database, scope, "Haus") == []
    assert await found(database, scope, "who was it") == []


async def test_a_german_tenant_is_stemmed_in_german(database: Database, table: TenantTable) -> None:
    """Messages and queries alike."""
    scope = await stored(database, "german", "Die H\u00e4user und der Wald", "I was running.")
    (tenant,) = await table.registered()
    assert tenant.language == "german"
    assert await table.find(tenant.name) == tenant
    assert await found(database, scope, "Wo war das Haus?") == [0]
    assert await found(database, scope, "und der die") == []
    assert await found(database, scope, "runs") == []


async def test_a_simple_tenant_is_not_stemmed(database: Database) -> None:
    """Words are compared as written, in any script. There are no stop words."""
    texts = ["\u042f \u0436\u0438\u0432\u0443 \u0432 \u0413\u0440\u0430\u0446\u0435", "I was running the show", "runs"]
    scope = await stored(database, "simple", *texts)
    assert await found(database, scope, "\u0433\u0440\u0430\u0446\u0435") == [0]
    assert await found(database, scope, "runs") == [2]
    assert await found(database, scope, "THE") == [1]


async def test_an_unknown_language_is_refused_with_the_known_ones(table: TenantTable) -> None:
    """No tenant is added, and text that looks like SQL is harmless."""
    for language in ("klingon", "", "German", "pg_catalog.german", "english'; DROP TABLE tenants; --", "a\x00b"):
        with pytest.raises(ConfigurationError) as caught:
            await table.add("acme", language=language)
        assert repr(language) in str(caught.value)
        assert "german, greek," in str(caught.value)
        assert ", simple," in str(caught.value)
    assert await table.registered() == []


async def test_a_text_search_configuration_of_the_operator_is_a_language(table: TenantTable, database_url: str) -> None:
    """One created in this database works like one of PostgreSQL."""
    login = await asyncpg.connect(database_url)
    try:
        await login.execute("CREATE TEXT SEARCH CONFIGURATION public.legalese (COPY = english)")
    finally:
        await login.close()
    assert (await table.add("acme", language="legalese")).language == "legalese"


async def test_a_tenant_keeps_its_language(table: TenantTable) -> None:
    """Its messages are indexed in it. Adding the tenant again in another language is an error."""
    added = await table.add("acme", language="german")
    assert await table.add("acme", language="german") == added
    assert await table.add("acme", added.id) == added
    with pytest.raises(ConfigurationError, match=r"has the language 'german', .* cannot become 'french'"):
        await table.add("acme", language="french")
    assert await table.registered() == [added]


async def test_adding_a_tenant_registers_it_with_its_language(table: TenantTable, redis: Redis) -> None:
    """In the table with the language, and in Redis."""
    registry = TenantRegistry(redis, table)
    added = await Tenants(table, registry).add("acme", language="russian")
    assert added.language == "russian"
    assert (await registry.check({added.id}, Subject.MESSAGES)).unknown == frozenset()
