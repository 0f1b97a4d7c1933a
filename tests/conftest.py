"""Real servers for integration and acceptance tests, started once; a database and an empty Redis for each test."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import asyncpg
import hypothesis
import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.devservers import ServerUrls, embedded_servers
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings

_TEMPLATE = "eunoe_template"

# Each run draws new examples for the properties. For many examples: HYPOTHESIS_PROFILE=thorough make test
hypothesis.settings.register_profile("quick", max_examples=100, deadline=None)
hypothesis.settings.register_profile("few", max_examples=15, deadline=None)  # make test-fast
hypothesis.settings.register_profile("thorough", max_examples=1_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A shell starts a background job with Ctrl-C ignored, and every process of the run would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start slow tests first where workers share the tests, so that no worker ends long after the others.

    This runs after pytest-randomly, so that tests of the same kind stay in random order.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_quickness)


def _quickness(item: pytest.Item) -> tuple[bool, int]:
    kinds = ("acceptance", "packaging", "integration", "unit")
    kind = item.path.relative_to(Path(__file__).parent).parts[0]
    return "slow" not in item.keywords, kinds.index(kind)


@pytest.fixture(scope="session")
def servers() -> Iterator[ServerUrls]:
    """Valkey and PostgreSQL of this test run.

    Their folder is outside the temporary folder of pytest, because each start of pytest closes that folder to other
    users. Under root, PostgreSQL runs as another user, and would lose its data in the middle of a run.
    """
    with TemporaryDirectory(prefix="eunoe-tests-") as folder, embedded_servers(Path(folder)) as urls:
        asyncio.run(_turn_off_fsync(urls.database_url))
        yield urls


async def _turn_off_fsync(url: str) -> None:
    """Make commits quick. A kill of PostgreSQL still loses nothing; a power cut may lose the test data.

    `synchronous_commit` stays on. Without it, VACUUM cannot mark rows of recent transactions as visible to all, and
    the tests of index-only scans fail.
    """
    connection = await asyncpg.connect(url)
    try:
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder where the first process that needs the model prepares it. The workers of a run share it."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "models"


def _database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(_database(url, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def template(servers: ServerUrls) -> str:
    """The name of a migrated database, from which each test gets a copy."""

    async def make() -> None:
        await _administer(servers.database_url, f"CREATE DATABASE {_TEMPLATE}")
        async with Migrator.connect(_database(servers.database_url, _TEMPLATE), embedding_dimensions=384) as migrator:
            await migrator.up()

    asyncio.run(make())
    return _TEMPLATE


@pytest.fixture
async def empty_database_url(servers: ServerUrls) -> AsyncIterator[str]:
    """A database without any migration."""
    name = f"test_{uuid4().hex}"
    await _administer(servers.database_url, f"CREATE DATABASE {name}")
    yield _database(servers.database_url, name)
    await _administer(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database_url(servers: ServerUrls, template: str) -> AsyncIterator[str]:
    """A migrated database for this test alone."""
    name = f"test_{uuid4().hex}"
    await _administer(servers.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(servers.database_url, name)
    await _administer(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def redis_url(servers: ServerUrls) -> AsyncIterator[str]:
    """An empty Redis."""
    for step in ("before", "after"):
        # A new connection each time, because a test may close all open ones.
        async with Redis.from_url(servers.redis_url) as redis:
            await redis.flushall()
        if step == "before":
            yield servers.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the empty Redis."""
    client = await connect_redis(redis_url, wait_seconds=10)
    yield client
    await client.aclose()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the migrated database."""
    async with await Database.connect(database_url, wait_seconds=10) as database:
        yield database


@pytest.fixture
async def registry(redis: Redis, database: Database) -> TenantRegistry:
    """The registry of tenants, filled."""
    registry = TenantRegistry(redis, TenantTable(database))
    await registry.fill_if_absent()
    return registry


@pytest.fixture
async def tenant(database: Database, registry: TenantRegistry) -> UUID:
    """A registered tenant."""
    added = await TenantTable(database).add("acme")
    await registry.add(added.id)
    return added.id


@pytest.fixture
async def other_tenant(database: Database, registry: TenantRegistry) -> UUID:
    """Another registered tenant."""
    added = await TenantTable(database).add("umbrella")
    await registry.add(added.id)
    return added.id


@pytest.fixture
def settings(redis_url: str, database_url: str, model_cache: Path) -> Settings:
    """Settings of consumers on the servers of this test. Claims expire after a second, which keeps tests short."""
    return Settings(
        redis_url=redis_url, database_url=database_url, model_cache_dir=model_cache, claim_after_seconds=1.0
    )
