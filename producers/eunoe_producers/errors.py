"""What can go wrong between a client and the stream. Each says what to do; `retry_after_seconds` says when."""

from uuid import UUID

from eunoe_schema.errors import EunoeError


class PublishError(EunoeError):
    """An event could not be published."""


class UnknownTenant(PublishError):
    """The event names a tenant that is not registered."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        super().__init__(f"tenant {tenant_id} is not registered: add it with `eunoe tenant add NAME --id {tenant_id}`")


class TenantRegistryMissing(PublishError):
    """Redis holds no registry of tenants: it lost its data, or none was ever added."""

    def __init__(self) -> None:
        super().__init__(
            "Redis holds no registry of tenants: start a consumer, which fills it from the database, "
            "or add the first tenant with `eunoe tenant add NAME`"
        )


class BacklogFull(PublishError):
    """So many events wait in the slowest consumer group that no more are taken."""

    def __init__(self, waiting: int, retry_after_seconds: float) -> None:
        self.waiting = waiting
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            f"{waiting} events wait in the slowest consumer group: publish again after {retry_after_seconds:g} s, "
            "or start more consumers"
        )


class RateLimited(PublishError):
    """The tenant's channel has used up its token bucket."""

    def __init__(self, channel: str, retry_after_seconds: float) -> None:
        self.channel = channel
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"channel {channel!r} is over its rate limit: publish again after {retry_after_seconds:g} s")


class RecallError(EunoeError):
    """A recall could not be answered."""


class RecallRefused(RecallError):
    """The consumers refused the request; the message is their reason."""


class RecallTimeout(RecallError):
    """No reply came within the deadline."""

    def __init__(self, deadline_seconds: float) -> None:
        self.deadline_seconds = deadline_seconds
        super().__init__(
            f"no reply within {deadline_seconds:g} s: is a recall consumer running (`eunoe consume recall`), "
            "and does it serve the same Redis?"
        )


class RedisUnavailable(EunoeError):
    """Redis could not be reached, or refused the connection, for as long as was allowed."""


class RedisRefused(EunoeError):
    """Redis answered, and refused: its memory is full, or the login may not run the command."""
