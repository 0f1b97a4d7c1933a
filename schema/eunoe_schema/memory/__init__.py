"""The contract of curated memory: the memory, the requests on `eunoe:memory`, and their replies.

Importing this package registers every request, so each module with requests is imported here.
"""

from eunoe_schema.memory.administration import AdminSearchResult
from eunoe_schema.memory.change import ReplacedResult
from eunoe_schema.memory.checkpoints import Checkpoint, CheckpointPage, CheckpointSummary
from eunoe_schema.memory.collections import Collection, CollectionPage
from eunoe_schema.memory.consolidation import ConsolidationGroup
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Category, RelationType, Source, Status, Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryResult, MemoryVersion
from eunoe_schema.memory.memory import Memory, NearDuplicate, RecalledMemory
from eunoe_schema.memory.read import FoundMemory, MemoryPage
from eunoe_schema.memory.relations import Direction, RelatedMemory, Relation, WalkResult
from eunoe_schema.memory.remember import NewMemory, Remembered
from eunoe_schema.memory.scope import MemoryScope, SessionRef
from eunoe_schema.memory.sessions import CloseReason, Session, SessionPage
from eunoe_schema.memory.status_machine import Action, MemoryState
from eunoe_schema.memory.usage import UsedResult

__all__ = [
    "Action",
    "AdminSearchResult",
    "Category",
    "Checkpoint",
    "CheckpointPage",
    "CheckpointSummary",
    "CloseReason",
    "Collection",
    "CollectionPage",
    "ConsolidationGroup",
    "Direction",
    "Directive",
    "FoundMemory",
    "HistoryResult",
    "Memory",
    "MemoryFilter",
    "MemoryPage",
    "MemoryScope",
    "MemoryState",
    "MemoryVersion",
    "NearDuplicate",
    "NewMemory",
    "RecalledMemory",
    "RelatedMemory",
    "Relation",
    "RelationType",
    "Remembered",
    "ReplacedResult",
    "Session",
    "SessionPage",
    "SessionRef",
    "Source",
    "Status",
    "Tier",
    "UsedResult",
    "WalkResult",
    "content_hash",
]
