"""Whose memories a command is about, and how it asks the consumers."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel
from rich.console import RenderableType

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.memory.bundles import Bundle
from eunoe_consumers.cli.options import find_tenant
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.settings import Settings
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory import MemoryScope
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.recall import MAX_DEADLINE_SECONDS
from eunoe_schema.validation import checked

if TYPE_CHECKING:
    from eunoe_producers import CurationTimeout, Curator

ResultT = TypeVar("ResultT")
_WHOSE = "Whose memories, and how to answer"

_Tenant = Annotated[str, typer.Option(help="The tenant's UUID, or its name.", rich_help_panel=_WHOSE)]
_Agent = Annotated[
    UUID | None, typer.Option(help="The agent's UUID; without one: with every agent.", rich_help_panel=_WHOSE)
]
_User = Annotated[
    str | None, typer.Option(help="The user's id in the channel; without one: with every user.", rich_help_panel=_WHOSE)
]
_RequiredAgent = Annotated[UUID, typer.Option(help="The agent's UUID.", rich_help_panel=_WHOSE)]
_RequiredUser = Annotated[str, typer.Option(help="The user's id in the channel.", rich_help_panel=_WHOSE)]
_Deadline = Annotated[
    float | None,
    typer.Option(
        max=MAX_DEADLINE_SECONDS,
        metavar="SECONDS",
        help=f"How long to wait for a reply.  [default: {DEFAULT_DEADLINE_SECONDS:g}]",
        rich_help_panel=_WHOSE,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=_WHOSE)]


@dataclass(frozen=True, kw_only=True)
class TenantCall(Bundle):
    """A call on a whole tenant."""

    tenant: _Tenant
    deadline: _Deadline = None
    as_json: _Json = False

    def ask(self, action: "Callable[[Curator, UUID], Awaitable[ResultT]]") -> ResultT:
        """Return the answer to a question about the tenant."""
        with _explained("eunoe memory list", changes=False):
            return _run(self.tenant, action)

    @property
    def seconds(self) -> float:
        """How long to wait for a reply."""
        return DEFAULT_DEADLINE_SECONDS if self.deadline is None else self.deadline


@dataclass(frozen=True, kw_only=True)
class CommandCall(Bundle):
    """A call on the memories that apply to an agent, a user, or both."""

    tenant: _Tenant
    agent: _Agent = None
    user: _User = None
    deadline: _Deadline = None
    as_json: _Json = False
    # Which command shows what there is, for those who name what is not there.
    listed_by: ClassVar[str] = "eunoe memory list"

    def ask(
        self, action: "Callable[[Curator, MemoryScope], Awaitable[ResultT]]", *, listed_by: str | None = None
    ) -> ResultT:
        """Return the answer to a question.

        Args:
            action: Asks it.
            listed_by: Which command shows what the question names, where that is not the call's own.

        Raises:
            BadParameter: If neither agent nor user is given.
            EunoeError: If there is no answer; it says what to do at a shell.
        """
        return self._ask(action, listed_by or self.listed_by, changes=False)

    def change(self, action: "Callable[[Curator, MemoryScope], Awaitable[ResultT]]") -> ResultT:
        """Return the answer to a request that changes something; the command has --request-id.

        Raises:
            BadParameter: If neither agent nor user is given.
            EunoeError: If there is no answer; it says what to do at a shell.
        """
        return self._ask(action, self.listed_by, changes=True)

    @property
    def seconds(self) -> float:
        """How long to wait for a reply."""
        return DEFAULT_DEADLINE_SECONDS if self.deadline is None else self.deadline

    def _ask(
        self, action: "Callable[[Curator, MemoryScope], Awaitable[ResultT]]", listed_by: str, *, changes: bool
    ) -> ResultT:
        if self.agent is None and self.user is None:
            msg = "give --agent, --user, or both: a memory is an agent's, a user's, or of both"
            raise typer.BadParameter(msg)

        def ask(curator: "Curator", tenant_id: UUID) -> Awaitable[ResultT]:
            scope = checked(MemoryScope, tenant_id=tenant_id, agent_id=self.agent, user_id=self.user)
            return action(curator, scope)

        with _explained(listed_by, changes=changes):
            return _run(self.tenant, ask)


@dataclass(frozen=True, kw_only=True)
class CollectionCall(CommandCall):
    """A call on the collections that apply to an agent, a user, or both."""

    listed_by: ClassVar[str] = "eunoe memory collection list"


@dataclass(frozen=True, kw_only=True)
class DirectiveCall(CommandCall):
    """A call on the directives of an agent, with every user or with one."""

    agent: _RequiredAgent = field()  # else the wider class's default would stay
    listed_by: ClassVar[str] = "eunoe memory directive list"


@dataclass(frozen=True, kw_only=True)
class SessionCall(CommandCall):
    """A call on the sessions of an agent with a user."""

    agent: _RequiredAgent = field()  # else the wider class's default would stay
    user: _RequiredUser = field()
    listed_by: ClassVar[str] = "eunoe memory session list"


@dataclass(frozen=True, kw_only=True)
class CheckpointCall(SessionCall):
    """A call on the checkpoints of a session."""

    listed_by: ClassVar[str] = "eunoe memory checkpoint list"


def answer(call: CommandCall | TenantCall, document: BaseModel | Mapping[str, object], *shown: RenderableType) -> None:
    """Print a command's answer: the document for programs, or what people are shown."""
    if call.as_json:
        print_json(document.model_dump(mode="json") if isinstance(document, BaseModel) else document)
        return
    for part in shown:
        output.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))


def no_reply(error: "CurationTimeout") -> str:
    """Return what a person at a shell does where no reply came."""
    return (
        f"no reply within {error.deadline_seconds:g} s: is a curate consumer running (`eunoe consume curate`), and "
        "does it serve the same Redis?"
    )


def _run(tenant: str, action: "Callable[[Curator, UUID], Awaitable[ResultT]]") -> ResultT:
    async def run(settings: Settings, tenant_id: UUID) -> ResultT:
        from eunoe_producers import Curator  # noqa: PLC0415 - redis

        url, retry_seconds = settings.redis_url or "", settings.start_timeout_seconds
        async with await Curator.connect(url, retry_seconds=retry_seconds) as curator:
            return await action(curator, tenant_id)

    with redis_server(Settings()) as resolved:
        return asyncio.run(run(resolved, find_tenant(resolved, tenant)))


@contextlib.contextmanager
def _explained(listed_by: str, *, changes: bool) -> Generator[None]:
    """Say at the end of an error what a person at a shell does about it.

    Raises:
        EunoeError: In place of the client's error.
    """
    from eunoe_producers import CurationTimeout, MemoryNotFound, NotFound  # noqa: PLC0415 - redis

    try:
        yield
    except MemoryNotFound as error:
        msg = f"{error}: `eunoe memory list` shows those that do, with --forgotten those that were forgotten"
        raise EunoeError(msg) from error
    except NotFound as error:
        msg = f"{error}: `{listed_by}` shows those that do"
        raise EunoeError(msg) from error
    except CurationTimeout as error:
        msg = no_reply(error)
        again = f" It may be done all the same: the same command with --request-id {error.request_id} does it once"
        raise EunoeError(msg + again if changes else msg) from error
