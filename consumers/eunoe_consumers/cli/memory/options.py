"""Options and arguments of the commands of curated memory that are the same in several of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from eunoe_consumers.cli.memory.bundles import Bundle
from eunoe_consumers.cli.memory.call import CommandCall
from eunoe_consumers.cli.options import parse_object, parse_time
from eunoe_schema.memory import Category, Memory, MemoryFilter, NewMemory, SessionRef, Source, Status, Tier
from eunoe_schema.validation import checked

MemoryArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The memory's id.", show_default=False)]
MemoriesArgument = Annotated[list[UUID], typer.Argument(metavar="ID", help="The memories' ids.")]
TextArgument = Annotated[str, typer.Argument(help="The text; - reads it from standard input.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
RequestIdOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Names the request: with the same one again it is done once. Made where absent."),
]
VersionOption = Annotated[
    int | None, typer.Option(min=1, help="The version that you have seen: another one by now is a refusal.")
]


@dataclass(frozen=True, kw_only=True)
class Repeatable(Bundle):
    """What every change has."""

    request_id: RequestIdOption = None


@dataclass(frozen=True, kw_only=True)
class Versioned(Bundle):
    """What a change of one thing has."""

    version: VersionOption = None
    request_id: RequestIdOption = None


@dataclass(frozen=True, kw_only=True)
class Origin(Bundle):
    """The session that memories came from."""

    session: Annotated[str | None, typer.Option(help="The session it came from, of the agent with the user.")] = None
    session_agent: Annotated[UUID | None, typer.Option(help="The session's agent, where --agent does not name it.")] = (
        None
    )
    session_user: Annotated[str | None, typer.Option(help="The session's user, where --user does not name them.")] = (
        None
    )

    def ref(self, call: CommandCall) -> SessionRef | None:
        """Return the session's name in full; None where no session is named.

        Raises:
            BadParameter: If it is not known whose session it is.
        """
        agent, user = self.session_agent or call.agent, self.session_user or call.user
        if self.session is None:
            if self.session_agent or self.session_user:
                msg = "--session-agent and --session-user say whose session --session is: give that, too"
                raise typer.BadParameter(msg)
            return None
        if agent is None or user is None:
            msg = "a session is an agent's with a user: give --session-agent or --session-user, too"
            raise typer.BadParameter(msg, param_hint="--session")
        return checked(SessionRef, agent_id=agent, user_id=user, session_id=self.session)


@dataclass(frozen=True, kw_only=True)
class Fields(Bundle):
    """What a new memory is, beside its content; the contract's defaults where nothing is said."""

    tier: Annotated[Tier | None, typer.Option(help="How long it matters.  [default: personal]")] = None
    category: Annotated[Category | None, typer.Option(help="What kind of knowledge it is.  [default: factual]")] = None
    source: Annotated[Source | None, typer.Option(help="Where it comes from.  [default: extracted]")] = None
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="How certain it is.  [default: 0.8]")] = None
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=parse_object, metavar="JSON", help="A JSON object of at most 16 KiB."),
    ] = None
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A word to filter by; repeatable.")] = None
    expires_at: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="When it lapses; without a zone UTC.  [default: as its tier says]"
        ),
    ] = None
    review: Annotated[bool, typer.Option("--review", help="Someone must approve it before it counts.")] = False

    def given(self, session: SessionRef | None) -> dict[str, object]:
        """Return those that were given.

        Raises:
            BadParameter: If it would have lapsed already.
        """
        ends = self.expires_at
        if ends is not None and (ends if ends.tzinfo else ends.replace(tzinfo=UTC)) <= datetime.now(UTC):
            msg = f"{ends:%Y-%m-%d %H:%M} is past: it would lapse at once"
            raise typer.BadParameter(msg, param_hint="--expires-at")
        found: dict[str, object] = {**vars(self), "session": session, "review": self.review or None}
        return {name: value for name, value in found.items() if value is not None and value != []}

    def new_memory(self, content: str, session: SessionRef | None) -> NewMemory:
        """Return a memory of that content.

        Raises:
            InvalidEvent: If something breaks the contract.
        """
        return checked(NewMemory, **{**self.given(session), "content": content})

    def replacement(self, content: str, session: SessionRef | None, old: Memory) -> NewMemory:
        """Return a memory in another's place: what is not given is that one's.

        Raises:
            InvalidEvent: If something breaks the contract.
        """
        kept = {name: getattr(old, name) for name in ("tier", "category", "metadata", "tags", "expires_at", "session")}
        return checked(NewMemory, **{**kept, **self.given(session), "content": content})


def _since(what: str) -> object:
    return typer.Option(parser=parse_time, metavar="TIME", help=f"{what} at this time or later; without a zone UTC.")


def _before(what: str) -> object:
    return typer.Option(parser=parse_time, metavar="TIME", help=f"{what} before this time.")


@dataclass(frozen=True, kw_only=True)
class Filters(Bundle):
    """Which memories are listed or searched."""

    tier: Annotated[list[Tier] | None, typer.Option(help="Of this tier; repeatable: any of these.")] = None
    category: Annotated[list[Category] | None, typer.Option(help="Of this category; repeatable: any.")] = None
    status: Annotated[list[Status] | None, typer.Option(help="Of this status; repeatable: any.  [default: active]")] = (
        None
    )
    any_status: Annotated[bool, typer.Option("--any-status", help="Of every status.")] = False
    source: Annotated[list[Source] | None, typer.Option(help="From this source; repeatable: any.")] = None
    tag: Annotated[list[str] | None, typer.Option(help="With this tag; repeatable: all of these.")] = None
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=parse_object, metavar="JSON", help="Metadata contain this JSON object, at any depth."),
    ] = None
    collection: Annotated[UUID | None, typer.Option(help="A member of this collection.")] = None
    created_since: Annotated[datetime | None, _since("Remembered")] = None
    created_before: Annotated[datetime | None, _before("Remembered")] = None
    updated_since: Annotated[datetime | None, _since("Changed last")] = None
    updated_before: Annotated[datetime | None, _before("Changed last")] = None
    forgotten: Annotated[
        bool, typer.Option("--forgotten", help="Those that were forgotten and are not purged yet, instead.")
    ] = False

    def filter(self, session: SessionRef | None) -> MemoryFilter:
        """Return the filter.

        Raises:
            BadParameter: If two of them contradict each other.
            InvalidEvent: If something breaks the contract.
        """
        if self.any_status and self.status:
            msg = "--any-status and --status contradict each other"
            raise typer.BadParameter(msg)
        return checked(
            MemoryFilter,
            tiers=self.tier or (),
            categories=self.category or (),
            statuses=() if self.any_status else self.status or (Status.ACTIVE,),
            sources=self.source or (),
            tags=self.tag or (),
            metadata=self.metadata or {},
            collection_id=self.collection,
            session=session,
            created_from=self.created_since,
            created_until=self.created_before,
            updated_from=self.updated_since,
            updated_until=self.updated_before,
            forgotten=self.forgotten,
        )
