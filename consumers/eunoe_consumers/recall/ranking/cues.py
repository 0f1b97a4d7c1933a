"""Recognise questions, and texts that ask for a time or name one."""

import re

# The question marks of Latin, Arabic, Armenian, Ethiopic and full-width text. The Greek one is left out: in every other
# script it is a semicolon. Closing quotation marks or brackets may follow, and a note in square brackets.
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
_LOOKED_AT_CHARS, _ENDING_CHARS = 800, 400


def any_of(phrases: str) -> str:
    """Return a pattern of whole words. `phrases` are separated by commas, and may be patterns themselves."""
    return rf"\b(?:{'|'.join(phrase.strip() for phrase in phrases.split(','))})\b"


def is_question(content: str) -> bool:
    """Return whether a text ends with a question mark. Closing marks and a note in square brackets may follow it."""
    return _ASKS.search(content[-_ENDING_CHARS:]) is not None


def asks_for_time(query: str) -> bool:
    """Return whether a query asks for a time, in English: `names_time` knows only English words, too."""
    return _ASKS_FOR_TIME.search(query) is not None


def names_time(content: str) -> bool:
    """Return whether a text names a time in its first 800 characters. A later one hardly answers the query."""
    return _NAMES_A_TIME.search(content[:_LOOKED_AT_CHARS]) is not None
