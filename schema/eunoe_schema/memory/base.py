"""The base of all requests on curated memory, and the registry that finds a request or a result by its kind."""

import functools
from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Self, TypeVar, Union, get_args
from uuid import UUID

from pydantic import BaseModel, Field, GetCoreSchemaHandler, RootModel, model_validator
from pydantic_core import CoreSchema

from eunoe_schema.codec import Refusal, decode
from eunoe_schema.contract import MAX_DEADLINE_SECONDS, ContractModel, ReplyModel
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory.scope import MemoryScope, require_agent_or_user
from eunoe_schema.text import Name, WithoutNul

DEFAULT_DEADLINE_SECONDS = 5.0
MAX_PAGE = 200
DEFAULT_PAGE = 50
MAX_VERSION = 2**31 - 1

Cursor = Annotated[str, Field(min_length=1, max_length=100), WithoutNul]


class Result(ReplyModel):
    """The base of all results. A concrete result declares `kind`, which tells results apart on the wire."""


class Page(Result):
    """The base of all results that hold one page of a list."""

    cursor: str | None = None
    """The cursor of the next page. It is left out on the last page."""


ResultT_co = TypeVar("ResultT_co", bound=Result, covariant=True)

# The request models by kind. It is complete once the package is imported, which imports every module with requests.
_requests: "dict[str, type[AnyRequest]]" = {}


# The type argument is the result that answers the request. A concrete request declares `kind: Literal["..."]`, and
# declaring the class registers it: codec, handlers, command line and AsyncAPI document find it in the registry. The
# docstring is part of the AsyncAPI document, so it says nothing about Python.
class Request(ContractModel, Generic[ResultT_co]):
    """The members of every request on `eunoe:memory`."""

    request_id: Name
    """Names the request and its reply. A request that is sent again with the same id is done once."""
    reply_to: Name | None = None
    """The pub/sub channel on which the client waits for the reply. A change may leave it out."""
    tenant_id: UUID
    """The tenant."""
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS)] = DEFAULT_DEADLINE_SECONDS
    """How long the client waits, counted from the time of the entry id. After that, a read is not answered. A change is
    still made, so that a client that repeats the request finds it done."""

    changes: ClassVar[bool] = True
    """Whether the request changes anything. The reply to a change is kept; a late read is dropped."""

    if TYPE_CHECKING:
        kind: Any  # Each concrete request declares it. A real field here would be a member of the shared envelope.

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: object) -> None:
        """Register a request that declares its kind.

        Raises:
            TypeError: If another request has the same kind, or the result is missing.
        """
        if "kind" not in cls.model_fields:
            return  # an abstract base
        cls.result_model()
        for kind in map(str, get_args(cls.model_fields["kind"].annotation)):
            if kind in _requests:
                raise TypeError(f"{cls.__name__}: {_requests[kind].__name__} has the kind {kind!r} already")
            _requests[kind] = cls
        _request_union.cache_clear()

    def __class_getitem__(cls, result: object) -> Any:  # noqa: ANN401 - a base for a class statement
        """Name the result. Pydantic would build a model for each pair of base and result: twice as many models."""
        return GenericAlias(cls, (result,))

    @classmethod
    def result_model(cls) -> type[ResultT_co]:
        """Return the model of the result that answers this request.

        Raises:
            TypeError: If neither the class nor a base names a result.
        """
        for base in cls.__mro__:
            for alias in getattr(base, "__orig_bases__", ()):
                if isinstance(alias, GenericAlias) and isinstance(result := get_args(alias)[0], type):
                    return result
        raise TypeError(f"{cls.__name__} names no result: inherit from Request[...] with a result")

    @model_validator(mode="after")
    def _has_a_reply_channel(self) -> Self:
        if not self.changes and self.reply_to is None:
            raise ValueError("reply_to is missing: a read needs a channel for its reply")
        return self

    @property
    def touches(self) -> frozenset[str]:
        """Names of the objects that the request reads or changes. Requests that share a name run in stream order."""
        return frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that need an embedding before the request can be done."""
        return ()


class ScopedRequest(Request[ResultT_co], Generic[ResultT_co]):
    """A request on the memories that apply to a scope."""

    agent_id: UUID | None = None
    """The agent. Leave it out to name a user with every agent."""
    user_id: Name | None = None
    """The user. Leave it out to name an agent with every user."""

    @model_validator(mode="after")
    def _has_an_owner(self) -> Self:
        require_agent_or_user(self.agent_id, self.user_id)
        return self

    @property
    def scope(self) -> MemoryScope:
        """The scope of the request."""
        return MemoryScope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)

    def _within_tenant(self, *names: object) -> frozenset[str]:
        """Return names for `touches`. The tenant id keeps the names of two tenants apart."""
        return frozenset(f"{self.tenant_id}:{name}" for name in names)


class ReadRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request that changes nothing."""

    changes: ClassVar[bool] = False


class PageRequest(ReadRequest[ResultT_co], Generic[ResultT_co]):
    """A request for one page of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    """The size of the page, 1..200."""
    cursor: Cursor | None = None
    """The cursor of the previous page. Leave it out for the first page."""


class VersionedRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A change that may name the version that the caller has seen."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    """The version that you have seen. If the current version is another, the request is refused with
    `version_conflict`. Leave it out to change any version."""


class OneMemoryRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request on one memory."""

    memory_id: UUID
    """The memory."""

    @property
    def touches(self) -> frozenset[str]:
        """The memory."""
        return self._within_tenant(self.memory_id)


AnyRequest = Request[Result]


def request_model(kind: str) -> type[AnyRequest]:
    """Return the request model of a kind.

    Raises:
        InvalidEvent: If there is no such kind.
    """
    try:
        return _requests[kind]
    except KeyError:
        raise InvalidEvent(f"there is no request of the kind {kind!r}; the kinds are {', '.join(_requests)}") from None


def request_kinds() -> tuple[str, ...]:
    """Return the kinds of all requests."""
    return tuple(_requests)


def request_models() -> tuple[type[AnyRequest], ...]:
    """Return the models of all requests, each once: a model may have several kinds."""
    return tuple(dict.fromkeys(_requests.values()))


def result_models() -> tuple[type[Result], ...]:
    """Return the models of all results, each once: a result may answer several requests."""
    return tuple(dict.fromkeys(model.result_model() for model in _requests.values()))


def decode_request(fields: Mapping[bytes, bytes]) -> AnyRequest | Refusal:
    """Decode the fields of an entry on `eunoe:memory`. Never raises, whatever the fields contain."""
    decoded = decode(fields, _request_union())
    return decoded if isinstance(decoded, Refusal) else decoded.root


class ResultByKind:
    """Annotates a field of the type `Result`, so that pydantic finds the concrete result by its `kind`.

    Use it only in modules that no request imports: the registry must be complete.
    """

    @staticmethod
    def __get_pydantic_core_schema__(_source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the union of all results."""
        return handler.generate_schema(_union(result_models()))


@functools.cache
def _request_union() -> type[RootModel[Any]]:
    return RootModel[_union(request_models())]


def _union(models: Iterable[type[BaseModel]]) -> Any:  # noqa: ANN401 - a type made at run time
    return Annotated[Union[tuple(models)], Field(discriminator="kind")]  # noqa: UP007 - `|` takes no tuple
