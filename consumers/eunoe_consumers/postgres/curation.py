"""A curator's unit of work: one transaction, one tenant, and the tables that it works on."""

import contextlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.answered_requests import AnsweredRequests
from eunoe_consumers.postgres.checkpoints import CheckpointTable
from eunoe_consumers.postgres.collections import CollectionTable
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.directives import DirectiveTable
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.memories import MemoryQueries, MemoryTable
from eunoe_consumers.postgres.memory_history import HistoryTable
from eunoe_consumers.postgres.memory_relations import RelationTable
from eunoe_consumers.postgres.memory_search import MemorySearchTable
from eunoe_consumers.postgres.memory_tags import TagTable
from eunoe_consumers.postgres.memory_usage import UsageTable
from eunoe_consumers.postgres.sessions import SessionTable
from eunoe_consumers.postgres.tenant_search import TenantSearch
from eunoe_consumers.postgres.turns import TurnQueries
from eunoe_schema.memory.scope import MemoryScope, SessionRef

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class Curation:
    """The tables of curated memory, under the policy of one tenant.

    Attributes:
        memories: The memories themselves.
        search: Which of them apply.
        tenant: All of the tenant, for administrators.
        history: What they have said before.
        tags: Their tags.
        relations: What they are to one another.
        collections: Their collections.
        sessions: The sessions of agents with users.
        checkpoints: The sessions' checkpoints.
        directives: Standing instructions.
        usage: How they are used.
        requests: Which requests were answered.
    """

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
        self.memories = MemoryTable(connection, lifetime)
        self.search = MemorySearchTable(connection, lifetime)
        self.tenant = TenantSearch(connection, lifetime)
        self.history = HistoryTable(connection)
        self.tags = TagTable(connection)
        self.relations = RelationTable(connection, lifetime)
        self.collections = CollectionTable(connection, lifetime)
        self.sessions = SessionTable(connection)
        self.checkpoints = CheckpointTable(connection)
        self.directives = DirectiveTable(connection)
        self.usage = UsageTable(connection)
        self.requests = AnsweredRequests(connection)

    async def introduce(self, owner: MemoryScope, session: SessionRef | None = None) -> None:
        """Make agent, user and session known where they are not: they appear with their first memory, too."""
        tenant = owner.tenant_id
        agents = {agent for agent in (owner.agent_id, session.agent_id if session else None) if agent is not None}
        users = {user for user in (owner.user_id, session.user_id if session else None) if user is not None}
        await self._connection.execute(MemoryQueries.introduce, tenant, sorted(agents), sorted(users))
        if session is not None:
            await self._connection.execute(
                TurnQueries.insert_sessions,
                [tenant],
                [session.agent_id],
                [session.user_id],
                [session.session_id],
                [None],
                [None],
                [datetime.now(UTC)],
            )


class CurationStore:
    """Begins units of work."""

    def __init__(self, database: Database, lifetime: Lifetime) -> None:
        self._database = database
        self._lifetime = lifetime

    @contextlib.asynccontextmanager
    async def begin(self, tenant_id: UUID) -> AsyncGenerator[Curation]:
        """Begin a transaction as the curator of a tenant; committed when the block ends well.

        Raises:
            RowRefused: If a row can never be stored.
            StoreUnavailable: If PostgreSQL failed in any other way.
        """
        async with self._database.transaction(DatabaseRole.CURATOR, tenant=tenant_id) as connection:
            yield Curation(connection, self._lifetime)
