"""What a gateway and an orchestrator use: publish messages, ask for context, curate memories.

Needs pydantic, redis and tenacity.
"""

from eunoe_producers.curator import Curator
from eunoe_producers.errors import (
    BacklogFull,
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
from eunoe_producers.orchestrator import Orchestrator
from eunoe_producers.publish_script import PublishLimits

__all__ = [
    "BacklogFull",
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
