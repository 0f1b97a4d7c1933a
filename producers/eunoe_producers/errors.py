"""What can go wrong between a client and the stream. Each says what to do; `retry_after_seconds` says when."""

from uuid import UUID

from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.reply import Problem


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


class CurationError(EunoeError):
    """A request on curated memory could not be done."""


class CurationRefused(CurationError):
    """The consumers refused the request and changed nothing; the message is their reason.

    Attributes:
        problem: The refusal as it came: its code, and what is needed to go on.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class NotFound(CurationRefused):
    """What was named is not there, or does not apply to the scope."""


class MemoryNotFound(NotFound):
    """No such memory applies to the scope."""


class VersionConflict(CurationRefused):
    """It was changed since it was read; `problem.version` is its version now."""


class TransitionRefused(CurationRefused):
    """The memory's state does not allow the action; `problem.allowed` names those that it does."""


class DuplicateContent(CurationRefused):
    """Another memory of the same owner, `problem.memory_id`, holds that content."""


class DuplicateName(CurationRefused):
    """The owner has another collection of that type and name."""


class SharedByUsers(CurationRefused):
    """It belongs to an agent with every user: it is changed in the scope of the agent alone."""


class RequestReused(CurationRefused):
    """The request id was used for another request."""


class CurationTimeout(CurationError):
    """No reply came within the deadline. A change may be made all the same: ask again with the same request id.

    Attributes:
        request_id: Asked again with it, the request is done once, and its reply is the same.
        deadline_seconds: How long was waited.
    """

    def __init__(self, request_id: str, deadline_seconds: float) -> None:
        self.request_id = request_id
        self.deadline_seconds = deadline_seconds
        super().__init__(
            f"no reply to {request_id} within {deadline_seconds:g} s: is a curate consumer running "
            "(`eunoe consume curate`), and does it serve the same Redis? A change may be made all the same: "
            "ask again with the same request_id"
        )


class RedisUnavailable(EunoeError):
    """Redis could not be reached, or refused the connection, for as long as was allowed."""


class RedisRefused(EunoeError):
    """Redis answered, and refused: its memory is full, or the login may not run the command."""
