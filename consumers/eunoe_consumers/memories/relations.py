"""Relations between memories."""

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call, require_allowed
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.reading import readable
from eunoe_consumers.memories.refusals import not_found
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.enums import RelationType
from eunoe_schema.memory.relations import (
    MAX_RELATIONS,
    RelatedMemory,
    RelateRequest,
    Relation,
    RelationResult,
    UnrelateRequest,
    WalkRequest,
    WalkResult,
)
from eunoe_schema.memory.status_machine import Action


class RelationQueries(QueryFile, file="memory_relations"):
    """Statements on the table `memory_relationships`."""

    add_relation: Statement
    remove_relation: Statement
    walk_relations: Statement
    relations_among: Statement


@handles(RelateRequest)
async def relate(request: RelateRequest, call: Call) -> RelationResult:
    """Add a relation between two memories."""
    return await _change(RelationQueries.add_relation, request.relation, call)


@handles(UnrelateRequest)
async def unrelate(request: UnrelateRequest, call: Call) -> RelationResult:
    """Remove a relation between two memories."""
    return await _change(RelationQueries.remove_relation, request.relation, call)


@handles(WalkRequest)
async def walk(request: WalkRequest, call: Call) -> WalkResult:
    """Return the memories that can be reached from a memory."""
    await readable(request.memory_id, call)
    found = await call.db.fetch(
        RelationQueries.walk_relations,
        memory_id=request.memory_id,
        depth=request.depth,
        direction=request.direction,
        types=request.types,
        statuses=request.statuses,
        # A memory may come once per depth, the first one included. So many rows hold enough different memories.
        row_limit=(request.limit + 2) * (request.depth + 1),
        limit=request.limit + 1,  # one more shows whether the walk is complete
    )
    depths = {row["id"]: row["depth"] for row in found[: request.limit]}
    memories = await table.read(call.db, list(depths))
    relations = await call.db.fetch(
        RelationQueries.relations_among,
        ids=[request.memory_id, *depths],
        types=request.types,
        limit=MAX_RELATIONS,
    )
    return WalkResult(
        reached=tuple(RelatedMemory(memory=memory, depth=depths[memory.id]) for memory in memories),
        relations=tuple(
            Relation(from_id=row["from_id"], type=RelationType(row["type"]), to_id=row["to_id"]) for row in relations
        ),
        complete=len(found) <= request.limit,
    )


async def _change(statement: Statement, relation: Relation, call: Call) -> RelationResult:
    ends = (relation.from_id, relation.to_id)
    locked = await table.lock(call.db, call.scope, ends)
    for memory_id in ends:
        if memory_id not in locked:
            raise not_found(memory_id)
        require_allowed(locked[memory_id], Action.RELATE)
    # A relation between a user's own memory and a shared one is the user's own: no other user walks over it.
    if all(call.is_shared(memory.owner.user_id) for memory in locked.values()):
        call.require_own(locked[relation.from_id])
    changed = await call.db.fetchval(statement, from_id=relation.from_id, type=relation.type, to_id=relation.to_id)
    if changed:
        await table.touch(call.db, *ends)
    return RelationResult(relation=relation, changed=bool(changed))
