"""Register, list and remove tenants in their table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.queries import QueryFile

_NAME_CHARS = 200
DEFAULT_LANGUAGE = "english"


class TenantQueries(QueryFile, file="tenants"):
    """The statements of tenants.sql."""

    add_tenant: str
    list_tenants: str
    find_tenant: str
    remove_tenant: str
    text_search_configurations: str
    tenant_ids: str
    removed_tenants: str
    end_removed_registration: str


@dataclass(frozen=True)
class Tenant:
    """A registered tenant.

    Attributes:
        id: The UUID.
        name: The name, unique.
        created_at: When the tenant was registered.
        language: The text search configuration that stems messages and queries.
    """

    id: UUID
    name: str
    created_at: datetime
    language: str


class TenantTable:
    """Reads and changes the table of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ids(self) -> set[UUID]:
        """Return the ids of all tenants. Any role may read them."""
        async with self._database.transaction(DatabaseRole.RECALL) as connection:
            return {row["id"] for row in await connection.fetch(TenantQueries.tenant_ids)}

    async def removed(self) -> dict[UUID, dict[str, str]]:
        """Return the last entry id on each stream, by subject, of every tenant that was removed once."""
        async with self._database.transaction(DatabaseRole.RECALL) as connection:
            rows = await connection.fetch(TenantQueries.removed_tenants)
        return {row["id"]: json.loads(row["last_entry_ids"]) for row in rows}

    async def registered(self) -> list[Tenant]:
        """Return all tenants, the oldest first."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            return [Tenant(**row) for row in await connection.fetch(TenantQueries.list_tenants)]

    async def find(self, id_or_name: str) -> Tenant | None:
        """Return the tenant with this id or name, or None."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            row = await connection.fetchrow(TenantQueries.find_tenant, _as_uuid(id_or_name), id_or_name)
        return Tenant(**row) if row else None

    async def add(
        self,
        name: str,
        tenant_id: UUID | None = None,
        *,
        language: str | None = None,
        last_entry_ids: Mapping[str, str] | None = None,
    ) -> Tenant:
        """Register a tenant. Repeating it with the same id, name and language is no error.

        Args:
            name: 1 to 200 characters, unique.
            tenant_id: The UUID; None for a new one.
            language: A text search configuration of PostgreSQL, such as 'german'. 'simple' does not stem. None for
                English.
            last_entry_ids: The last entry id on each stream, by subject. If the tenant was removed once, entries up to
                these belong to the removed registration. None leaves the ids of the removal.

        Raises:
            ConfigurationError: If the name or the id belongs to another tenant; if the name is empty, longer than 200
                characters, or a UUID, which could be mistaken for the id of another tenant; if PostgreSQL does not know
                the language, or the tenant has another language.
        """
        if not 1 <= len(name) <= _NAME_CHARS or "\x00" in name or _as_uuid(name) is not None:
            raise ConfigurationError(
                f"{name!r} cannot be the name of a tenant: use 1 to {_NAME_CHARS} characters, and give a UUID with --id"
            )
        wanted = tenant_id or uuid4()
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            known = [row["language"] for row in await connection.fetch(TenantQueries.text_search_configurations)]
            if language is not None and language not in known:
                raise ConfigurationError(
                    f"{language!r} is not a language of this PostgreSQL: it knows {', '.join(known)}"
                )
            tag = await connection.execute(TenantQueries.add_tenant, wanted, name, language or DEFAULT_LANGUAGE)
            if last_entry_ids is not None and tag == "INSERT 0 1":
                await connection.execute(
                    TenantQueries.end_removed_registration, wanted, json.dumps(dict(last_entry_ids))
                )
            by_name = await connection.fetchrow(TenantQueries.find_tenant, None, name)
            by_id = await connection.fetchrow(TenantQueries.find_tenant, wanted, None)
        if by_name is None:
            raise ConfigurationError(f"tenant {wanted} exists under the name {by_id['name'] if by_id else 'unknown'!r}")
        if tenant_id is not None and by_name["id"] != tenant_id:
            raise ConfigurationError(f"the name {name!r} belongs to tenant {by_name['id']}")
        if language is not None and by_name["language"] != language:
            raise ConfigurationError(
                f"tenant {name!r} has the language {by_name['language']!r}, in which its messages are indexed: it "
                f"cannot become {language!r}"
            )
        return Tenant(**by_name)

    async def remove(self, tenant_id: UUID, *, last_entry_ids: Mapping[str, str] | None = None) -> None:
        """Remove a tenant and all its rows. Its id stays, with the last entry id on each stream, by subject."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            await connection.execute(TenantQueries.remove_tenant, tenant_id, json.dumps(dict(last_entry_ids or {})))


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
