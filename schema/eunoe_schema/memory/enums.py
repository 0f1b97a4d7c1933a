"""The closed sets of words that describe a memory; the database checks the same ones."""

from enum import StrEnum


class Tier(StrEnum):
    """How long a memory matters: who the user is, what they work on, what was just done."""

    PERSONAL = "personal"
    PROJECT = "project"
    TASK = "task"


class Category(StrEnum):
    """What kind of knowledge it is."""

    FACTUAL = "factual"
    PREFERENCE = "preference"
    BEHAVIORAL = "behavioral"
    EPISODIC = "episodic"
    PROCEDURAL = "procedural"


class Source(StrEnum):
    """Where it comes from."""

    EXTRACTED = "extracted"
    USER_PROVIDED = "user_provided"
    IMPORTED = "imported"
    INFERRED = "inferred"


class Status(StrEnum):
    """Where it stands in its life; `status_machine.py` says what may follow what."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    ARCHIVED = "archived"
    PENDING_REVIEW = "pending_review"


class RelationType(StrEnum):
    """What one memory is to another; supersession and merging are told by the memories themselves."""

    RELATED_TO = "related_to"
    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    REFINES = "refines"
    DERIVED_FROM = "derived_from"
    PART_OF = "part_of"
    CAUSES = "causes"
    FOLLOWS = "follows"
