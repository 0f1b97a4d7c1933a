"""Send the requests of a command to the curate consumers, and print their replies."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel
from rich.console import RenderableType

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.options import find_tenant
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.settings import Settings
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.base import (
    DEFAULT_DEADLINE_SECONDS,
    AnyRequest,
    Request,
    Result,
    ScopedRequest,
    request_kinds,
)
from eunoe_schema.validation import checked

if TYPE_CHECKING:
    from eunoe_producers import CurationTimeout
    from eunoe_producers.memory.client import MemoryClient

ResultT = TypeVar("ResultT", bound=Result)
ReturnT = TypeVar("ReturnT")


@dataclass(frozen=True)
class MemoryCommand:
    """The options of a command that sends requests: the scope, the deadline, and the form of the output.

    None stands for every agent, every user, or the command's own deadline.
    """

    tenant: str
    agent: UUID | None = None
    user: str | None = None
    deadline: float | None = None
    as_json: bool = False

    def ask(self, model: type[Request[ResultT]], *, request_id: str | None = None, **fields: object) -> ResultT:
        """Send one request; return its result.

        Raises:
            BadParameter: If the request needs --agent or --user and has neither, or may not have them.
            InvalidEvent: If a field breaks the contract.
            EunoeError: If the request is refused, or no reply comes. The message says what to do at a shell.
        """
        # A wrong field is refused before any server is contacted.
        envelope = {"request_id": request_id or "new", "reply_to": "reply", "tenant_id": UUID(int=0)}
        checked(model, **envelope, **self.owner(model), **fields)
        return self.run(model, lambda asker: asker.ask(model, fields, request_id=request_id))

    def run(self, model: type[AnyRequest], action: "Callable[[Asker], Awaitable[ReturnT]]") -> ReturnT:
        """Return the result of an action that sends requests over one connection. Raises the errors of `ask`."""
        self.owner(model)  # refuses a missing owner before any server is contacted

        async def connect(settings: Settings, tenant_id: UUID) -> ReturnT:
            from eunoe_producers.memory.client import MemoryClient  # noqa: PLC0415 - redis

            url, retry_seconds = settings.redis_url or "", settings.start_timeout_seconds
            async with await MemoryClient.connect(url, retry_seconds=retry_seconds) as client:
                return await action(Asker(client, self, tenant_id))

        with _explain(model), redis_server(Settings()) as resolved:
            return asyncio.run(connect(resolved, find_tenant(resolved, self.tenant)))

    def owner(self, model: type[AnyRequest]) -> Mapping[str, object]:
        """Return the fields of a request that --agent and --user set."""
        if not issubclass(model, ScopedRequest):
            if self.agent is not None or self.user is not None:
                raise typer.BadParameter("this request concerns the whole tenant: leave out --agent and --user")
            return {}
        if self.agent is None and self.user is None:
            raise typer.BadParameter("give --agent, --user, or both: the owner of the memories")
        return {"agent_id": self.agent, "user_id": self.user}

    def show(self, document: BaseModel | Mapping[str, object], *parts: RenderableType) -> None:
        """Print the document with --json, otherwise the parts for people."""
        if self.as_json:
            print_json(document.model_dump(mode="json") if isinstance(document, BaseModel) else document)
            return
        for part in parts:
            output.print(part, soft_wrap=isinstance(part, str))


@dataclass(frozen=True)
class Asker:
    """Sends the requests of one call over one connection."""

    client: "MemoryClient"
    call: MemoryCommand
    tenant_id: UUID

    async def ask(
        self,
        model: type[Request[ResultT]],
        fields: Mapping[str, object],
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> ResultT:
        """Send a request; return its result. The option --deadline replaces `deadline`."""
        seconds = deadline if self.call.deadline is None else self.call.deadline
        envelope = self.client.envelope(request_id=request_id, deadline=seconds)
        return await self.client.ask(
            checked(model, **envelope, tenant_id=self.tenant_id, **self.call.owner(model), **fields)
        )


def no_reply(error: "CurationTimeout") -> str:
    """Return an error message for a timeout, with the things to check at a shell."""
    return (
        f"no reply within {error.deadline_seconds:g} s: is a curate consumer running (`eunoe consume curate`), and "
        "does it use the same Redis?"
    )


@contextlib.contextmanager
def _explain(model: type[AnyRequest]) -> Generator[None]:
    """Add advice for the shell to the errors of the client."""
    from eunoe_producers import CurationTimeout, MemoryNotFound, NotFound  # noqa: PLC0415 - redis

    try:
        yield
    except MemoryNotFound as error:
        listing = "`eunoe memory list` shows the memories that apply, with --forgotten the forgotten ones"
        raise EunoeError(f"{error}: {listing}") from error
    except NotFound as error:
        raise EunoeError(f"{error}: `eunoe memory request {_listing(model)}` shows those that apply") from error
    except CurationTimeout as error:
        again = f" The change may still happen. Repeated with --request-id {error.request_id}, it is done only once"
        raise EunoeError(f"{no_reply(error)}{again if model.changes else ''}") from error


def _listing(model: type[AnyRequest]) -> str:
    """Return the kind that lists the collections, sessions, checkpoints or directives which a request names."""
    name = model.__name__.lower()
    listings = [kind for kind in request_kinds() if kind.startswith("list_")]
    return next((kind for kind in listings if kind.removeprefix("list_").rstrip("s") in name), "list_collections")
