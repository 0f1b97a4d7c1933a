"""The registry of handlers. A handler registers itself for its kind of request."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from redis.asyncio import Redis

from eunoe_consumers.memories.call import Call
from eunoe_schema.memory.base import AnyRequest, Request, Result

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT", bound=Result)
Function: TypeAlias = Callable[[RequestT, Call], Awaitable[ResultT]]


@dataclass(frozen=True)
class Handler:
    """How one kind of request is done.

    Attributes:
        run: Does the request in the transaction of the call. Raises RequestRefused to undo and refuse it.
        counts_as_retrieval: Whether the memories in the result count as retrieved.
        after_commit: Runs after the commit and before the reply, and again if the request is delivered again.
    """

    run: Callable[[Any, Call], Awaitable[Result]]
    counts_as_retrieval: bool = False
    after_commit: Callable[[Redis, Any, Any], Awaitable[None]] | None = None


HANDLERS: dict[type[AnyRequest], Handler] = {}


def handles(
    model: type[Request[ResultT]],
    *,
    counts_as_retrieval: bool = False,
    after_commit: Callable[[Redis, Any, Any], Awaitable[None]] | None = None,
) -> Callable[[Function[RequestT, ResultT]], Function[RequestT, ResultT]]:
    """Register the decorated function for a kind of request.

    The type checker compares the function's result with the request's. Its argument is compared here.

    Raises:
        TypeError: If the function takes another request, or the kind has a handler already.
    """

    def register(function: Function[RequestT, ResultT]) -> Function[RequestT, ResultT]:
        if inspect.signature(function).parameters["request"].annotation is not model or model in HANDLERS:
            raise TypeError(f"{model.__name__} takes one handler, with an argument `request: {model.__name__}`")
        HANDLERS[model] = Handler(function, counts_as_retrieval, after_commit)
        return function

    return register
