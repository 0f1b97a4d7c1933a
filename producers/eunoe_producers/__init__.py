"""The clients for gateways and orchestrators: publish messages, ask for context, curate memories.

This package needs pydantic, redis and tenacity only.
"""

from eunoe_producers.errors import (
    BacklogFull,
    BudgetTooSmall,
    CurationError,
    CurationRefused,
    CurationTimeout,
    DuplicateContent,
    DuplicateName,
    MemoryNotFound,
    NotFound,
    PublishError,
    RateLimited,
    RecallError,
    RecallRefused,
    RecallTimeout,
    RedisRefused,
    RedisUnavailable,
    RequestReused,
    SharedByUsers,
    TenantRegistryMissing,
    TransitionRefused,
    UnknownTenant,
    VersionConflict,
)
from eunoe_producers.gateway import Gateway, GatewayOptions
from eunoe_producers.memory import Curator
from eunoe_producers.orchestrator import Orchestrator
from eunoe_producers.prompt import Prompt, PromptContext
from eunoe_producers.publish_script import PublishLimits

__all__ = [
    "BacklogFull",
    "BudgetTooSmall",
    "CurationError",
    "CurationRefused",
    "CurationTimeout",
    "Curator",
    "DuplicateContent",
    "DuplicateName",
    "Gateway",
    "GatewayOptions",
    "MemoryNotFound",
    "NotFound",
    "Orchestrator",
    "Prompt",
    "PromptContext",
    "PublishError",
    "PublishLimits",
    "RateLimited",
    "RecallError",
    "RecallRefused",
    "RecallTimeout",
    "RedisRefused",
    "RedisUnavailable",
    "RequestReused",
    "SharedByUsers",
    "TenantRegistryMissing",
    "TransitionRefused",
    "UnknownTenant",
    "VersionConflict",
]
