"""The relations between memories, within a curator's transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.enums import RelationType
from eunoe_schema.memory.relations import MAX_RELATIONS, Relation, WalkRequest
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class RelationQueries(QueryFile, file="memory_relations"):
    """The statements of memory_relations.sql."""

    add_relation: str
    remove_relation: str
    walk_relations: str
    relations_among: str


class RelationTable:
    """The table `memory_relationships`, for memories that are locked or known to apply."""

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
        self._lifetime = lifetime

    async def add(self, tenant_id: UUID, relation: Relation) -> bool:
        """Relate two memories; tell whether they were not related so before."""
        return await self._changed(RelationQueries.add_relation, tenant_id, relation)

    async def remove(self, tenant_id: UUID, relation: Relation) -> bool:
        """Take a relation back; tell whether there was one."""
        return await self._changed(RelationQueries.remove_relation, tenant_id, relation)

    async def walk(self, scope: MemoryScope, walk: WalkRequest, *, limit: int) -> list[tuple[UUID, int]]:
        """Return the ids of memories that apply and can be reached, with their depths, the nearest first.

        Args:
            scope: Whose.
            walk: From where, how far, over what.
            limit: How many at most.
        """
        # A memory may come once for each depth, where it began included: so many rows hold `limit` different others.
        rows_looked_at = (limit + 1) * (walk.depth + 1)
        rows = await self._connection.fetch(
            RelationQueries.walk_relations,
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            walk.memory_id,
            walk.depth,
            walk.direction,
            list(walk.types),
            list(walk.statuses),
            rows_looked_at,
            limit,
            *self._lifetime,
        )
        return [(row["id"], row["depth"]) for row in rows]

    async def among(
        self, tenant_id: UUID, memory_ids: Sequence[UUID], types: Sequence[RelationType]
    ) -> tuple[Relation, ...]:
        """Return the relations between memories, at most `MAX_RELATIONS`; of any of the types, or of all if empty."""
        rows = await self._connection.fetch(
            RelationQueries.relations_among, tenant_id, memory_ids, list(types), MAX_RELATIONS
        )
        return tuple(
            Relation(from_id=row["from_id"], type=RelationType(row["type"]), to_id=row["to_id"]) for row in rows
        )

    async def _changed(self, statement: str, tenant_id: UUID, relation: Relation) -> bool:
        changed = await self._connection.fetchval(statement, tenant_id, relation.from_id, relation.type, relation.to_id)
        return changed is not None
