"""The enumerations of a memory. Constraints of the database hold the same values."""

from enum import StrEnum


class Tier(StrEnum):
    """How long a memory matters: `personal` about the user, `project` about their work, `task` about a single task."""

    PERSONAL = "personal"
    PROJECT = "project"
    TASK = "task"


class Category(StrEnum):
    """The kind of knowledge in a memory."""

    FACTUAL = "factual"
    PREFERENCE = "preference"
    BEHAVIORAL = "behavioral"
    EPISODIC = "episodic"
    PROCEDURAL = "procedural"


class Source(StrEnum):
    """Where a memory comes from."""

    EXTRACTED = "extracted"
    USER_PROVIDED = "user_provided"
    IMPORTED = "imported"
    INFERRED = "inferred"


class Status(StrEnum):
    """The status of a memory. The status machine defines which status may follow."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    ARCHIVED = "archived"
    PENDING_REVIEW = "pending_review"


class RelationType(StrEnum):
    """How one memory relates to another. A superseded or merged memory names its successor without a relation."""

    RELATED_TO = "related_to"
    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    REFINES = "refines"
    DERIVED_FROM = "derived_from"
    PART_OF = "part_of"
    CAUSES = "causes"
    FOLLOWS = "follows"
