"""Relations between memories: made, taken back, walked."""

from enum import StrEnum
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result, ResultT_co, ScopedRequest
from eunoe_schema.memory.enums import RelationType, Status
from eunoe_schema.memory.memory import Memory

MAX_DEPTH = 10
MAX_WALKED = 200
DEFAULT_WALKED = 50
MAX_RELATIONS = 1_000


class Direction(StrEnum):
    """Which way relations are walked."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


class Relation(ReplyModel):
    """What one memory is to another.

    Attributes:
        from_id: The memory that supports, refines, causes ...
        type: What it is to the other.
        to_id: The other.
    """

    from_id: UUID
    type: RelationType
    to_id: UUID


class RelationResult(Result):
    """The answer to `relate` and `unrelate`.

    Attributes:
        relation: The relation.
        changed: Whether it was made or taken back; else it was as it should be.
    """

    kind: Literal["relation"] = "relation"
    relation: Relation
    changed: bool


class RelatedMemory(ReplyModel):
    """A memory that was reached.

    Attributes:
        memory: The memory.
        depth: How many relations away it is, by the shortest way.
    """

    memory: Memory
    depth: int


class WalkResult(Result):
    """The answer to `walk`.

    Attributes:
        reached: The nearest first, without the one where the walk began.
        relations: At most 1,000 of those among them and where the walk began, of the types that were asked for.
        complete: Whether that is all; else the limit left out what is farther.
    """

    kind: Literal["walk"] = "walk"
    reached: tuple[RelatedMemory, ...] = ()
    relations: tuple[Relation, ...] = ()
    complete: bool = True


class _RelationRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A change of one relation.

    Attributes:
        from_id: The memory that supports, refines, causes ...
        type: What it is to the other.
        to_id: The other.
    """

    from_id: UUID
    type: RelationType
    to_id: UUID

    @model_validator(mode="after")
    def _two_memories(self) -> Self:
        if self.from_id == self.to_id:
            msg = "from_id and to_id are the same: a memory is not related to itself"
            raise ValueError(msg)
        return self

    @property
    def relation(self) -> Relation:
        """The relation."""
        return Relation(from_id=self.from_id, type=self.type, to_id=self.to_id)

    @property
    def touches(self) -> frozenset[str]:
        """Both memories."""
        return frozenset({f"{self.tenant_id}:{self.from_id}", f"{self.tenant_id}:{self.to_id}"})


class RelateRequest(_RelationRequest[RelationResult]):
    """Say what one memory is to another; said again, it changes nothing."""

    kind: Literal["relate"] = "relate"


class UnrelateRequest(_RelationRequest[RelationResult]):
    """Take a relation back; one that is not there is no error."""

    kind: Literal["unrelate"] = "unrelate"


class WalkRequest(ReadRequest[WalkResult]):
    """Return the memories that can be reached from one over relations, the nearest first.

    It leads only over memories that apply to the scope, are not forgotten and have not lapsed.

    Attributes:
        memory_id: Where it begins.
        depth: How many relations away at most, 1..10.
        direction: Along the relations, against them, or both.
        types: Over any of these; over all where it is empty.
        statuses: Over memories of any of these; of every status where it is empty.
        limit: How many memories at most, 1..200.
    """

    kind: Literal["walk"] = "walk"
    memory_id: UUID
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 1
    direction: Direction = Direction.BOTH
    types: Annotated[tuple[RelationType, ...], Field(max_length=20)] = ()
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = (Status.ACTIVE,)
    limit: Annotated[int, Field(ge=1, le=MAX_WALKED)] = DEFAULT_WALKED

    @property
    def touches(self) -> frozenset[str]:
        """Where it begins: what was related before it on the stream is walked."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})
