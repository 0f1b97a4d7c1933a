"""What a text says of itself: that it asks, that it names a time."""

import re

# Latin, Arabic, Armenian, Ethiopic, full-width; Greek writes a semicolon, which says something else elsewhere. What is
# quoted or in brackets may close behind it, and a note in brackets may follow.
_ASKS = re.compile("[?\u061f\u055e\u1367\uff1f][\\s\"'\u201d\u2019\xbb)\\]]*(?:\\[[^\\]]*\\]\\s*)?$")
_ASKS_FOR_TIME = re.compile(r"\bwhen\b|\bwhat (?:date|day|year|month|time)\b|\bhow long\b", re.IGNORECASE)
_DAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTH = "january|february|march|april|june|july|august|september|october|november|december"
_SPAN = "night|week|weekend|month|year|spring|summer|fall|autumn|winter|morning|afternoon|evening"
_NAMES_A_TIME = re.compile(
    rf"\b(?:(?:last|next|this) (?:{_SPAN})|yesterday|today|tonight|tomorrow|ago|recently|since|weekend|"
    rf"{_DAY}|{_MONTH}|(?:19|20)\d\d|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_LOOKED_AT_CHARS = 800


def is_question(content: str) -> bool:
    """Tell whether a text ends with a question, whatever quotation mark, bracket or note in brackets comes after it."""
    return _ASKS.search(content[-400:]) is not None


def asks_for_time(query: str) -> bool:
    """Tell whether a query asks when; English, as the words that answer it are."""
    return _ASKS_FOR_TIME.search(query) is not None


def names_time(content: str) -> bool:
    """Tell whether the beginning of a text names a time."""
    return _NAMES_A_TIME.search(content[:_LOOKED_AT_CHARS]) is not None
