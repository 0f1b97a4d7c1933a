"""What a gateway and an orchestrator use: publish messages, ask for context. Needs pydantic, redis and tenacity."""

from eunoe_producers.errors import (
    BacklogFull,
    PublishError,
    RateLimited,
    RecallError,
    RecallRefused,
    RecallTimeout,
    RedisRefused,
    RedisUnavailable,
    TenantRegistryMissing,
    UnknownTenant,
)
from eunoe_producers.gateway import Gateway, GatewayOptions
from eunoe_producers.orchestrator import Orchestrator
from eunoe_producers.publish_script import PublishLimits

__all__ = [
    "BacklogFull",
    "Gateway",
    "GatewayOptions",
    "Orchestrator",
    "PublishError",
    "PublishLimits",
    "RateLimited",
    "RecallError",
    "RecallRefused",
    "RecallTimeout",
    "RedisRefused",
    "RedisUnavailable",
    "TenantRegistryMissing",
    "UnknownTenant",
]
