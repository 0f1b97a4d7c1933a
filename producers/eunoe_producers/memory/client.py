"""The connection of `Curator`: it sends requests, awaits their replies and raises their problems as errors."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Self, TypedDict, TypeVar
from uuid import UUID, uuid4

from pydantic import ValidationError

from eunoe_producers.connection import retry
from eunoe_producers.errors import (
    CurationRefused,
    CurationTimeout,
    DuplicateContent,
    DuplicateName,
    MemoryNotFound,
    NotFound,
    RequestReused,
    SharedByUsers,
    TransitionRefused,
    VersionConflict,
)
from eunoe_producers.replies import DEFAULT_CONNECT_SECONDS, RequestClient
from eunoe_schema.codec import encode
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS, AnyRequest, Page, Request, Result
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.streams import DATA_FIELD, Subject, stream
from eunoe_schema.validation import describe

ResultT = TypeVar("ResultT", bound=Result)
PageT = TypeVar("PageT", bound=Page)

_ERRORS: Mapping[ProblemCode, type[CurationRefused]] = {
    ProblemCode.NOT_FOUND: NotFound,
    ProblemCode.VERSION_CONFLICT: VersionConflict,
    ProblemCode.REFUSED_TRANSITION: TransitionRefused,
    ProblemCode.DUPLICATE_CONTENT: DuplicateContent,
    ProblemCode.DUPLICATE_NAME: DuplicateName,
    ProblemCode.SHARED_BY_USERS: SharedByUsers,
    ProblemCode.REQUEST_REUSED: RequestReused,
}


def _error(problem: Problem) -> CurationRefused:
    """Return the error for a problem. A missing object with a memory id is a missing memory."""
    error = _ERRORS.get(problem.code, CurationRefused)
    return MemoryNotFound(problem) if error is NotFound and problem.memory_id is not None else error(problem)


class Options(TypedDict, total=False):
    """The options of every call."""

    request_id: str | None
    """Names the request. Repeat a call with the same id, after a timeout for example: the request is done once."""
    deadline: float
    """How many seconds to wait for the reply, at most 60; 5 by default."""


class Envelope(TypedDict):
    """The members of every request that say how it is sent."""

    request_id: str
    reply_to: str
    deadline_seconds: float


class ScopedEnvelope(Envelope):
    """The members of every request in a scope."""

    tenant_id: UUID
    agent_id: UUID | None
    user_id: str | None


class MemoryClient(RequestClient[MemoryReply]):
    """The connection to Redis, with one reply channel for any number of concurrent requests."""

    @classmethod
    async def connect(cls, url: str, *, retry_seconds: float = DEFAULT_CONNECT_SECONDS) -> Self:
        """Connect to Redis and open the reply channel.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            retry_seconds: How long to retry while Redis does not answer.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis does not answer.
        """
        return await cls._connect(url, MemoryReply, retry_seconds=retry_seconds)

    def envelope(self, *, request_id: str | None = None, deadline: float = DEFAULT_DEADLINE_SECONDS) -> Envelope:
        """Return the members of a request of this client. Without a request id, it gets a new one."""
        return {
            "request_id": uuid4().hex if request_id is None else request_id,
            "reply_to": self._replies.name,
            "deadline_seconds": deadline,
        }

    async def ask(self, request: Request[ResultT]) -> ResultT:
        """Send a request and return its result.

        Raises:
            CurationRefused: If the consumers refused it; a subclass says why.
            CurationTimeout: If no reply came within the deadline.
            RedisUnavailable: If Redis did not answer within the deadline.
            RedisRefused: If Redis refused to append, because its memory is full for example.
        """
        request_id, deadline = request.request_id, request.deadline_seconds
        try:
            answer = await self._replies.ask(
                request_id, lambda: self._send(request), seconds=deadline, place=self._place
            )
        except TimeoutError as error:
            raise CurationTimeout(request_id, deadline) from error
        if answer.problem is not None:
            raise _error(answer.problem)
        if not isinstance(answer.result, type(request).result_model()):
            found = type(answer.result).__name__
            raise EunoeError(
                f"the consumers answered {request.kind} with {found}: use the same version of eunoe on both sides"
            )
        return answer.result

    async def notify(self, request: AnyRequest) -> None:
        """Send a request without waiting for its reply. Return when it is on the stream.

        Raises:
            RedisUnavailable: If Redis did not answer within the deadline.
            RedisRefused: If Redis refused to append, because its memory is full for example.
        """
        await self._send(request.model_copy(update={"reply_to": None}))

    async def _send(self, request: AnyRequest) -> None:
        """Append the request to the stream. An append that is repeated after an outage is the same request, done once.

        The stream of memory requests is never trimmed, unlike that of recalls: a change that was sent must happen.
        """
        name, body = stream(Subject.MEMORY), encode(request)

        def append() -> Awaitable[object]:
            return self._redis.xadd(name, {DATA_FIELD: body})

        await retry(append, seconds=request.deadline_seconds, place=self._place)


class Part:
    """The base of `Curator` and its parts."""

    def __init__(self, client: MemoryClient) -> None:
        self._client = client

    async def _ask(
        self, scope: MemoryScope, call: Options, make: Callable[[ScopedEnvelope], Request[ResultT]]
    ) -> ResultT:
        return await self._client.ask(self._make(scope, call, make))

    def _make(
        self, scope: MemoryScope, call: Options, make: Callable[[ScopedEnvelope], Request[ResultT]]
    ) -> Request[ResultT]:
        envelope: ScopedEnvelope = {
            **self._client.envelope(**call),
            "tenant_id": scope.tenant_id,
            "agent_id": scope.agent_id,
            "user_id": scope.user_id,
        }
        try:
            return make(envelope)
        except ValidationError as error:
            raise InvalidEvent(describe(error)) from error


async def pages(read: Callable[[str | None], Awaitable[PageT]]) -> AsyncIterator[PageT]:
    """Yield every page that `read` returns for a cursor."""
    page = await read(None)
    yield page
    while page.cursor is not None:
        page = await read(page.cursor)
        yield page
