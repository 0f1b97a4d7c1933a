"""The recall request and its reply."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from eunoe_schema.contract import MAX_DEADLINE_SECONDS, MAX_QUERY_CHARS, ContractModel, ReplyModel
from eunoe_schema.events import MessageRole
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import RecalledMemory
from eunoe_schema.scope import Scope
from eunoe_schema.text import EntryId, Name, WithoutNul

MAX_TOP_K = 100
MAX_WINDOW = 1_000
MAX_TOKEN_BUDGET = 1_000_000
MAX_MEMORIES = 100


class RecallRequest(ContractModel):
    """A request for context, sent before a model call."""

    request_id: Name
    """The id that the reply repeats."""
    reply_to: Name
    """The pub/sub channel on which the client waits for the reply."""
    tenant_id: UUID
    """The tenant."""
    agent_id: UUID
    """The agent."""
    user_id: Name
    """The user."""
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul]
    """The text to look for; usually the user's message. Of a long one, the beginning and the end are used."""
    top_k: Annotated[int, Field(ge=0, le=MAX_TOP_K)] | None = None
    """The largest number of turns. The default is the consumers' EUNOE_RECALL_TOP_K."""
    window: Annotated[int, Field(ge=0, le=MAX_WINDOW)] | None = None
    """The largest number of window messages; the newest are kept. The default is the whole window."""
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Leave out turns that are less similar than this. The default is the consumers' EUNOE_RECALL_MIN_COSINE."""
    after: EntryId | None = None
    """The entry id of a message. The reply waits until the message is in the window."""
    exclude: tuple[Name, ...] = Field(default=(), max_length=100)
    """Event ids of messages to leave out, such as the message that is about to be answered."""
    token_budget: Annotated[int, Field(ge=1, le=MAX_TOKEN_BUDGET)] | None = None
    """The largest number of tokens of all turns together, counted by the embedding model's tokenizer. The best turns
    are kept, none is shortened, and `cut` names the others. The default is no bound."""
    neighbours: bool = False
    """Whether each turn includes the turns before and after it in its session."""
    excerpts: bool | None = None
    """Whether a long turn is cut to the piece that matches. The default is the consumers' EUNOE_RECALL_EXCERPTS."""
    asked_at: AwareDatetime | None = None
    """The moment that words like "last week" refer to. The default is the time of the request's entry id."""
    explain: bool = False
    """Whether each turn includes the parts of its score."""
    memories: Annotated[int, Field(ge=0, le=MAX_MEMORIES)] | None = None
    """The largest number of curated memories of each tier. The default is the consumers' EUNOE_RECALL_MEMORIES."""
    tiers: tuple[Tier, ...] = Field(default=(), max_length=len(Tier))
    """Further tiers of memories to include. Personal memories are always included."""
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS)] = 5.0
    """How long the client waits, counted from the time of the request's entry id."""

    @property
    def scope(self) -> Scope:
        """The scope of the request."""
        return Scope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)


class WindowMessage(ReplyModel):
    """A message of the sliding window. The elements of the Redis list have this form, too."""

    role: MessageRole
    """Who wrote the message."""
    content: str
    """The text."""
    id: str | None = None
    """The entry id on the stream."""
    event_id: str | None = None
    """The event id."""
    at: datetime | None = None
    """When the message was written. If that is unknown, when it was appended to the stream."""
    session_id: str | None = None
    """The session."""
    speaker: str | None = None
    """The display name of the person who wrote the message."""
    thread_id: str | None = None
    """The thread in the channel."""
    channel: str | None = None
    """The channel."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """The metadata that the gateway published with the message, at most 16 KiB."""


class Excerpt(ReplyModel):
    """The piece of a long message that is shown instead of the whole message."""

    starts_at: int
    """The index of the first character in the whole content, counted in code points."""
    ends_at: int
    """The index after the last character."""
    content_chars: int
    """The length of the whole content."""


class Neighbour(ReplyModel):
    """The message before or after a turn in its session."""

    event_id: str
    """The event id."""
    role: MessageRole
    """Who wrote the message."""
    content: str
    """The text. If the request asks for excerpts, its first 1,000 characters."""
    speaker: str | None = None
    """The display name of the person who wrote the message."""


class Turn(ReplyModel):
    """A stored message that recall found."""

    event_id: str
    """The event id."""
    entry_id: str
    """The entry id on the stream, which orders turns by time."""
    role: MessageRole
    """Who wrote the message."""
    content: str
    """The text, or the piece that `excerpt` describes."""
    speaker: str | None = None
    """The display name of the person who wrote the message."""
    session_id: str | None = None
    """The session."""
    thread_id: str | None = None
    """The thread in the channel."""
    channel: str | None = None
    """The channel."""
    created_at: datetime
    """When the message was appended to the stream."""
    occurred_at: datetime | None = None
    """When the message was written, if the gateway said so."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """The metadata that the gateway published with the message, at most 16 KiB."""
    cosine: float
    """The similarity to the query, -1..1. For a long message, the similarity of its most similar piece."""
    score: float
    """The score by which turns are ordered."""
    repeats: int = 1
    """The number of messages that this turn stands for, itself included. Of messages with the same words, by the same
    speaker, on the same day, the newest stands for all; so does the newest of questions that repeat the query, and the
    newest of refusals to answer."""
    excerpt: Excerpt | None = None
    """Which piece of a long message `content` is. Absent if `content` is the whole message."""
    before: Neighbour | None = None
    """The message before the turn in its session, if the request asks for neighbours."""
    after: Neighbour | None = None
    """The message after the turn in its session, if the request asks for neighbours."""
    explanation: dict[str, float] | None = None
    """The parts whose sum is the score, by name, if the request asks for them."""


class CutTurn(ReplyModel):
    """A turn that was left out because it did not fit into the token budget."""

    event_id: str
    """The event id."""
    score: float
    """The score by which turns are ordered."""
    tokens: int
    """The number of tokens, neighbours included."""


class Freshness(ReplyModel):
    """How current the window of a reply is."""

    latest_entry_id: str | None = None
    """The newest entry in the window. Absent if the window is empty."""
    after: str | None = None
    """The entry id that the request waits for."""
    applied: bool | None = None
    """Whether that entry was in the window when the reply was made. Absent if the request names no entry."""
    reason: str | None = None
    """Why the entry is not in the window: it is still waiting, it was lost, or it was refused."""
    waited_ms: float = 0.0
    """How long the reply waited for the entry."""


class Timings(ReplyModel):
    """The time that each step of a reply took, in milliseconds. The steps overlap."""

    queued_ms: float = 0.0
    """From the append of the request until a consumer read it."""
    embed_ms: float = 0.0
    """Embedding the query, including the wait for the model."""
    window_ms: float = 0.0
    """Reading the window, including the wait for `after`."""
    lexical_ms: float = 0.0
    """Searching for the words of the query, while the model embeds it."""
    turns_ms: float = 0.0
    """Searching the turns by the embedding of the query, and ranking them."""
    memories_ms: float = 0.0
    """Reading directives and memories, including the wait for the embedding."""
    total_ms: float = 0.0
    """From the moment a consumer read the request until the reply."""


class MissingPart(ReplyModel):
    """A part of the reply that could not be read in time. The other parts are complete."""

    part: Literal["window", "turns", "memories"]
    """The part that is missing."""
    reason: str
    """Why it is missing."""


class QueryCut(ReplyModel):
    """How much of a long query the search used: its beginning and its end."""

    query_chars: int
    """The length of the query."""
    searched_chars: int
    """How many characters were searched for words, names and dates."""
    embedded_chars: int
    """How many characters the embedding model read."""


class Context(ReplyModel):
    """The answer to a recall."""

    window: tuple[WindowMessage, ...] = ()
    """The last messages of the conversation, oldest first."""
    directives: tuple[Directive, ...] = ()
    """The standing instructions of the agent for every user and for this user, in their order."""
    memories: tuple[RecalledMemory, ...] = ()
    """The memories that apply, tier by tier. In each tier, the nearest to the query come first."""
    turns: tuple[Turn, ...] = ()
    """The turns that answer the query, best first. None is in the window. Messages that say the same are one turn, with
    the number of them in `repeats`."""
    cut: tuple[CutTurn, ...] = ()
    """The turns that did not fit into the token budget, best first."""
    freshness: Freshness = Freshness()
    """How current the window is."""
    timings: Timings = Timings()
    """The time that each step took."""
    query_cut: QueryCut | None = None
    """How much of the query was used. Absent if all of it was."""
    missing: tuple[MissingPart, ...] = ()
    """The parts that could not be read in time. Empty if the reply is complete."""


class ReplyAddress(ReplyModel):
    """The address for an answer, read from a request that breaks the contract."""

    request_id: Name
    """The id that the reply repeats."""
    reply_to: Name
    """The pub/sub channel on which the client waits for the reply."""


class RecallReply(ReplyModel):
    """The reply to a recall: a context, or the reason why there is none."""

    request_id: str
    """The id of the request."""
    context: Context | None = None
    """The context."""
    error: str | None = None
    """Why the request was refused: which member was wrong, or that the tenant is not registered."""
