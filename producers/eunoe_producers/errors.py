"""The errors of the clients. Each message says what to do next; `retry_after_seconds` says when to try again."""

from uuid import UUID

from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.reply import Problem


class RedisUnavailable(EunoeError):
    """Redis did not answer, or refused the connection, until the retry time was over."""


class RedisRefused(EunoeError):
    """Redis answered, but refused the command. For example, its memory is full or the login lacks a permission."""


class PublishError(EunoeError):
    """An event was not published."""


class UnknownTenant(PublishError):
    """The event names a tenant that is not registered."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        super().__init__(f"tenant {tenant_id} is not registered: add it with `eunoe tenant add NAME --id {tenant_id}`")


class TenantRegistryMissing(PublishError):
    """Redis has no list of tenants, because it lost its data or no tenant was ever added."""

    def __init__(self) -> None:
        super().__init__(
            "Redis holds no registry of tenants: start a consumer, which fills it from the database, "
            "or add the first tenant with `eunoe tenant add NAME`"
        )


class BacklogFull(PublishError):
    """The slowest consumer group is too far behind to accept more events."""

    def __init__(self, waiting: int, retry_after_seconds: float) -> None:
        self.waiting = waiting
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            f"{waiting} events wait in the slowest consumer group: publish again after {retry_after_seconds:g} s, "
            "or start more consumers"
        )


class RateLimited(PublishError):
    """The token bucket of the tenant's channel is empty."""

    def __init__(self, channel: str, retry_after_seconds: float) -> None:
        self.channel = channel
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"channel {channel!r} is over its rate limit: publish again after {retry_after_seconds:g} s")


class RecallError(EunoeError):
    """A recall returned no context."""


class RecallRefused(RecallError):
    """The consumers refused the recall. The message is the reason that they gave."""


class RecallTimeout(RecallError):
    """No reply came within the deadline."""

    def __init__(self, deadline_seconds: float) -> None:
        self.deadline_seconds = deadline_seconds
        super().__init__(
            f"no reply within {deadline_seconds:g} s: is a recall consumer running (`eunoe consume recall`), "
            "and does it use the same Redis?"
        )


class BudgetTooSmall(EunoeError):
    """System prompt, directives and current message alone exceed the token budget of the prompt."""

    def __init__(self, needed: int, budget: int) -> None:
        self.needed = needed
        self.budget = budget
        super().__init__(
            f"system prompt, directives and current message take {needed} tokens, the budget is {budget}: raise it"
        )


class CurationError(EunoeError):
    """A request on curated memory returned no result."""


class CurationRefused(CurationError):
    """The consumers refused the request and changed nothing. The message is the reason that they gave.

    Attributes:
        problem: The refusal from the reply: its code, and the values that help to correct the request.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class NotFound(CurationRefused):
    """The memory, collection, session or other object does not exist, or does not apply to the scope."""


class MemoryNotFound(NotFound):
    """The memory does not exist, or does not apply to the scope."""


class VersionConflict(CurationRefused):
    """The object changed since the caller read it. `problem.version` is its current version."""


class TransitionRefused(CurationRefused):
    """The state of the memory does not allow the action. `problem.allowed` lists the actions that it allows."""


class DuplicateContent(CurationRefused):
    """Another memory of the same owner has the same content. `problem.memory_id` names it."""


class DuplicateName(CurationRefused):
    """The owner has another collection with the same type and name."""


class SharedByUsers(CurationRefused):
    """The object is shared by all users of an agent. It can be changed only in the scope of the agent alone."""


class RequestReused(CurationRefused):
    """The request id belongs to an earlier, different request."""


class CurationTimeout(CurationError):
    """No reply came within the deadline. The change may still happen, so repeat it with the same request id.

    Attributes:
        request_id: The id of the request. A repeated request with this id is done once and gets the same reply.
        deadline_seconds: How long the client waited.
    """

    def __init__(self, request_id: str, deadline_seconds: float) -> None:
        self.request_id = request_id
        self.deadline_seconds = deadline_seconds
        super().__init__(
            f"no reply to {request_id} within {deadline_seconds:g} s: is a curate consumer running "
            "(`eunoe consume curate`), and does it use the same Redis? The change may still be made: "
            "ask again with the same request_id"
        )
