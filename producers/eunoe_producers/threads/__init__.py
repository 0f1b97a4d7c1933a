"""Typed records of a thread: rate limits, claims, session state, escalations, tool confirmations. See `ThreadState`."""

from eunoe_producers.threads.engaged import EngagedThreads
from eunoe_producers.threads.errors import StateConflict, ThreadError, ToolCallPending, UnreadableRecord
from eunoe_producers.threads.escalation import AlreadyResolved, Escalations, NotEscalated, Resolved
from eunoe_producers.threads.once import Once
from eunoe_producers.threads.rate_limiter import Allowed, RateLimiter, TokensRefused
from eunoe_producers.threads.session_state import SessionStates
from eunoe_producers.threads.thread_state import ThreadOptions, ThreadState
from eunoe_producers.threads.tool_confirmation import AlreadyAnswered, Answered, NothingPending, ToolConfirmations
from eunoe_schema.threads import Escalation, SessionState, ToolCall, ToolConfirmation

__all__ = [
    "Allowed",
    "AlreadyAnswered",
    "AlreadyResolved",
    "Answered",
    "EngagedThreads",
    "Escalation",
    "Escalations",
    "NotEscalated",
    "NothingPending",
    "Once",
    "RateLimiter",
    "Resolved",
    "SessionState",
    "SessionStates",
    "StateConflict",
    "ThreadError",
    "ThreadOptions",
    "ThreadState",
    "TokensRefused",
    "ToolCall",
    "ToolCallPending",
    "ToolConfirmation",
    "ToolConfirmations",
    "UnreadableRecord",
]
