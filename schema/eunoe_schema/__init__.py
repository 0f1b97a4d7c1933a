"""Eunoe's contract: events, requests and replies, Redis keys and the codec. Needs pydantic only."""

from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.event_ids import make_event_id
from eunoe_schema.events import MessageEvent, Receipt
from eunoe_schema.recall import Context, Freshness, MissingPart, RecallRequest, Timings, Turn, WindowMessage
from eunoe_schema.scope import Scope

__all__ = [
    "Context",
    "EunoeError",
    "Freshness",
    "InvalidEvent",
    "MessageEvent",
    "MissingPart",
    "RecallRequest",
    "Receipt",
    "Scope",
    "Timings",
    "Turn",
    "WindowMessage",
    "make_event_id",
]
