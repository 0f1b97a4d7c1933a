"""The recall request and its reply."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from eunoe_schema.events import MessageRole
from eunoe_schema.limits import MAX_DEADLINE_SECONDS, MAX_QUERY_CHARS
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.recalled import RecalledMemory
from eunoe_schema.scope import Scope
from eunoe_schema.text import EntryId, Name, WithoutNul

MAX_TOP_K = 100
MAX_WINDOW = 1_000
MAX_TOKEN_BUDGET = 1_000_000
MAX_MEMORIES = 100


class RecallRequest(BaseModel):
    """A question to memory, asked before a model call.

    Attributes:
        request_id: Names the reply.
        reply_to: The pub/sub channel on which the client waits for it.
        tenant_id: The tenant.
        agent_id: The agent.
        user_id: The user.
        query: What to look for, 1..8,192 characters; usually the user's message.
        top_k: How many turns at most, 0..100; absent: the consumers' EUNOE_RECALL_TOP_K.
        window: How many of the window's last messages, 0..1,000; absent: all that the window holds.
        min_cosine: Leave out turns less similar than this, -1..1; absent: the consumers' EUNOE_RECALL_MIN_COSINE.
        after: An entry id from a receipt: wait until that message is in the window.
        exclude: Event ids that must not come back, the message being answered above all.
        token_budget: How many tokens the turns may have in all, by the model's tokenizer; the best are kept, whole
            ones only, and `cut` names the rest. Absent: no bound.
        neighbours: Whether each turn comes with the turn before and after it in its session.
        excerpts: Whether a long turn comes as the piece that matches; absent: the consumers' EUNOE_RECALL_EXCERPTS.
        asked_at: What "last week" is relative to; absent: the request's place on the stream.
        explain: Whether each turn comes with the parts of its score.
        memories: How many curated memories of each tier at most, 0..100; absent: the consumers' EUNOE_RECALL_MEMORIES.
        tiers: Further tiers that are wanted; personal memories always are.
        deadline_seconds: How long the client waits, counted from the request's place on the stream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: Name
    reply_to: Name
    tenant_id: UUID
    agent_id: UUID
    user_id: Name
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul]
    top_k: Annotated[int, Field(ge=0, le=MAX_TOP_K)] | None = None
    window: Annotated[int, Field(ge=0, le=MAX_WINDOW)] | None = None
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    after: EntryId | None = None
    exclude: tuple[Name, ...] = Field(default=(), max_length=100)
    token_budget: Annotated[int, Field(ge=1, le=MAX_TOKEN_BUDGET)] | None = None
    neighbours: bool = False
    excerpts: bool | None = None
    asked_at: AwareDatetime | None = None
    explain: bool = False
    memories: Annotated[int, Field(ge=0, le=MAX_MEMORIES)] | None = None
    tiers: tuple[Tier, ...] = Field(default=(), max_length=len(Tier))
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS)] = 5.0

    @property
    def scope(self) -> Scope:
        """The scope that is asked."""
        return Scope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)


class WindowMessage(BaseModel):
    """A message of the sliding window; also the JSON of an element of the Redis list.

    Attributes:
        role: Who wrote it.
        content: The text.
        id: The entry id on the stream.
        event_id: The event's own id.
        at: When it was written, or else appended to the stream.
        session_id: Its session.
        speaker: A display name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: MessageRole
    content: str
    id: str | None = None
    event_id: str | None = None
    at: datetime | None = None
    session_id: str | None = None
    speaker: str | None = None


class Excerpt(BaseModel):
    """Which part of a long message stands for it.

    Attributes:
        starts_at: Its first character in the whole content, counted in code points.
        ends_at: Behind its last.
        content_chars: How many the whole content has.
    """

    model_config = ConfigDict(frozen=True)

    starts_at: int
    ends_at: int
    content_chars: int


class Neighbour(BaseModel):
    """The message before or after a recalled one in its session.

    Attributes:
        event_id: The event's own id.
        role: Who wrote it.
        content: The text; its first 1,000 characters where the request wants excerpts.
        speaker: A display name.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    role: MessageRole
    content: str
    speaker: str | None = None


class Turn(BaseModel):
    """A recalled message.

    Attributes:
        event_id: The event's own id.
        entry_id: Its entry id on the stream, which is its place in time.
        role: Who wrote it.
        content: The text; the part that matches, where `excerpt` says so.
        speaker: A display name.
        session_id: Its session.
        created_at: When it was appended to the stream.
        occurred_at: When it was written, where the gateway said so.
        cosine: The similarity to the query, -1..1; of a long message, that of its most similar piece.
        score: What the turns are ordered by.
        excerpt: Which part of a long message `content` is; None where it is the whole.
        before: The message before it in its session, where the request asks for neighbours and there is one.
        after: The message after it.
        explanation: The parts that add up to the score, by name, where the request asks for them.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    entry_id: str
    role: MessageRole
    content: str
    speaker: str | None = None
    session_id: str | None = None
    created_at: datetime
    occurred_at: datetime | None = None
    cosine: float
    score: float
    excerpt: Excerpt | None = None
    before: Neighbour | None = None
    after: Neighbour | None = None
    explanation: dict[str, float] | None = None


class CutTurn(BaseModel):
    """A turn that was found and left out, for it did not fit into the token budget.

    Attributes:
        event_id: The event's own id.
        score: Its score.
        tokens: How many tokens it has, its neighbours included where they were asked for.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    score: float
    tokens: int


class Freshness(BaseModel):
    """How current the window of a reply is.

    Attributes:
        latest_entry_id: The newest entry in the window; None for an empty one.
        after: The entry id that the request wanted to see applied.
        applied: Whether it was, when the reply was made; None where none was named.
        reason: Why it was not: it waits still, it was lost, or it was refused.
        waited_ms: How long the reply waited for it.
    """

    model_config = ConfigDict(frozen=True)

    latest_entry_id: str | None = None
    after: str | None = None
    applied: bool | None = None
    reason: str | None = None
    waited_ms: float = 0.0


class Timings(BaseModel):
    """Where the time of a reply went, in milliseconds.

    Attributes:
        queued_ms: From the request's append to the stream until a consumer took it up.
        embed_ms: Embedding the query, waiting for the model included.
        window_ms: Reading the window, waiting for `after` included.
        lexical_ms: Searching for the query's words, while it is embedded.
        turns_ms: Searching the turns by the query's embedding, and ranking them.
        memories_ms: Reading directives and memories, waiting for the query's embedding included.
        total_ms: From taking the request up until the reply; the parts overlap.
    """

    model_config = ConfigDict(frozen=True)

    queued_ms: float = 0.0
    embed_ms: float = 0.0
    window_ms: float = 0.0
    lexical_ms: float = 0.0
    turns_ms: float = 0.0
    memories_ms: float = 0.0
    total_ms: float = 0.0


class MissingPart(BaseModel):
    """A part of the reply that could not be had, and why: a reply is partial rather than nothing."""

    model_config = ConfigDict(frozen=True)

    part: Literal["window", "turns", "memories"]
    reason: str


class Context(BaseModel):
    """What memory holds for a request.

    Attributes:
        window: The last messages of the conversation, oldest first.
        directives: The agent's standing instructions, with every user and with this one, in their order.
        memories: Curated memories that apply, tier by tier, those nearest to the query first.
        turns: Turns that answer the query, best first; none that is in the window, and no two that say the same.
        cut: Turns that did not fit into the token budget, best first.
        freshness: How current the window is.
        timings: Where the time went.
        missing: Parts that could not be had; empty when the reply is whole.
    """

    model_config = ConfigDict(frozen=True)

    window: tuple[WindowMessage, ...] = ()
    directives: tuple[Directive, ...] = ()
    memories: tuple[RecalledMemory, ...] = ()
    turns: tuple[Turn, ...] = ()
    cut: tuple[CutTurn, ...] = ()
    freshness: Freshness = Freshness()
    timings: Timings = Timings()
    missing: tuple[MissingPart, ...] = ()


class ReplyAddress(BaseModel):
    """Where an answer goes, read from a request that is otherwise refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: Name
    reply_to: Name


class RecallReply(BaseModel, frozen=True):
    """The envelope in which a context, or the reason why there is none, comes back."""

    request_id: str
    context: Context | None = None
    error: str | None = None
