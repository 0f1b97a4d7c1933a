"""Relations between memories, and the walk along them."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import OneMemoryRequest, ReadRequest, Result, ScopedRequest
from eunoe_schema.memory.enums import RelationType, Status
from eunoe_schema.memory.memory import Memory

MAX_DEPTH = 10
MAX_WALKED = 200
DEFAULT_WALKED = 50
MAX_RELATIONS = 1_000


class Direction(StrEnum):
    """The direction in which a walk follows relations."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


class Relation(ReplyModel):
    """A relation from one memory to another."""

    from_id: UUID
    """The memory that supports, refines, causes ... the other."""
    type: RelationType
    """How it relates to the other."""
    to_id: UUID
    """The other memory."""


class RelationResult(Result):
    """The result of `relate` and `unrelate`."""

    kind: Literal["relation"] = "relation"
    relation: Relation
    """The relation."""
    changed: bool
    """Whether the request made or removed the relation. If not, nothing had to change."""


class RelatedMemory(ReplyModel):
    """A memory that a walk reached."""

    memory: Memory
    """The memory."""
    depth: int
    """The number of relations on the shortest way to it."""


class WalkResult(Result):
    """The result of `walk`."""

    kind: Literal["walk"] = "walk"
    reached: tuple[RelatedMemory, ...] = ()
    """The memories, nearest first, without the one where the walk started."""
    relations: tuple[Relation, ...] = ()
    """The relations of the requested types among these memories and the start, at most 1,000."""
    complete: bool = True
    """Whether the walk reached every memory. If not, `limit` left out the memories farther away."""


class _RelationRequest(ScopedRequest[RelationResult]):
    """A change of one relation."""

    from_id: UUID
    """The memory that supports, refines, causes ... the other."""
    type: RelationType
    """How it relates to the other."""
    to_id: UUID
    """The other memory."""

    @model_validator(mode="after")
    def _relates_two_memories(self) -> Self:
        if self.from_id == self.to_id:
            raise ValueError("from_id and to_id are the same: a memory is not related to itself")
        return self

    @property
    def relation(self) -> Relation:
        """The relation."""
        return Relation(from_id=self.from_id, type=self.type, to_id=self.to_id)

    @property
    def touches(self) -> frozenset[str]:
        """Both memories."""
        return self._within_tenant(self.from_id, self.to_id)


class RelateRequest(_RelationRequest):
    """Relate two memories. A relation that exists already is no error."""

    kind: Literal["relate"] = "relate"


class UnrelateRequest(_RelationRequest):
    """Remove a relation. A relation that does not exist is no error."""

    kind: Literal["unrelate"] = "unrelate"


class WalkRequest(OneMemoryRequest[WalkResult], ReadRequest[WalkResult]):
    """Follow relations from a memory and return the memories reached, nearest first.

    The walk visits only memories that apply to the scope and are neither forgotten nor expired.
    """

    kind: Literal["walk"] = "walk"
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 1
    """The largest number of relations to follow one after another, 1..10."""
    direction: Direction = Direction.BOTH
    """Follow relations along their direction (`out`), against it (`in`), or both ways."""
    types: Annotated[tuple[RelationType, ...], Field(max_length=20)] = ()
    """The types of relation to follow. An empty list stands for all of them."""
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = (Status.ACTIVE,)
    """The statuses of the memories to visit. An empty list stands for all of them."""
    limit: Annotated[int, Field(ge=1, le=MAX_WALKED)] = DEFAULT_WALKED
    """The number of memories, 1..200."""
