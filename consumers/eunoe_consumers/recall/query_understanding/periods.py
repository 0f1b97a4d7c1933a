"""Find the period that a query speaks of: "last week", "between May 3 and May 9", "since March", "7.5.2023"."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from eunoe_consumers.recall.query_understanding.calendar_spans import Span
from eunoe_consumers.recall.query_understanding.date_expressions import Expression, Kind, expressions, lowered
from eunoe_consumers.recall.query_understanding.date_leads import Lead, lead, says_when
from eunoe_consumers.recall.query_understanding.spans import span

# Between two expressions that are the ends of one period.
_JOINS = re.compile(
    " ?(?:\\b(?:and|to|until|till|through|up to)\\b|[-\u2013\u2014]) ?(?:(?:in|on|of|the|early|mid|late)[ -]){0,2}"
)
_AND = re.compile(",? (?:and|but) ")
_OPEN_AFTER = frozenset({"since", "after"})
_OPEN_BEFORE = frozenset({"before", "until", "till", "by", "up to"})
# What comes once a year, if no year is said.
_ONCE_A_YEAR = frozenset({Kind.DATE, Kind.MONTH, Kind.SEASON})
_YEAR = re.compile("[0-9]{4}")
_NEARLY_A_YEAR = timedelta(days=364)


@dataclass(frozen=True)
class Period:
    """A period that a query speaks of, half-open.

    Attributes:
        start: Its first moment, aware; None if it has no beginning ("before May").
        end: The moment after it, aware; None if it has no end ("since May").
        text: The words that say so, with single blanks.
        any_year: Whether the words name no year and nothing that is relative to now: a past May may be meant.
    """

    start: datetime | None
    end: datetime | None
    text: str
    any_year: bool = False


class _Part(NamedTuple):
    expression: Expression
    lead: Lead
    span: Span


def find_period(query: str, now: datetime) -> Period | None:
    """Return the first period that a query speaks of, or None.

    Two that are joined by "and", "to" or "until" are one, from the first to the last. A day, weekday, month or season
    without a year is the latest that begins not after `now`; "last Friday" and "last summer" are over. "last week" is
    Monday to Monday, "the past week" the days until today. "two weeks ago" is that whole week.

    English words; dates in digits in any language: 2023-05-07, 2023/5/7, 7.5.2023 (dots: the day first), 5/7/2023
    (slashes: the month first, unless it is above 12), 25-12-2023 (hyphens: only if it is clear which is the month).
    What cannot be told from a date: "in May" said of a person, "since August came". What is not looked for: times of
    day, holidays, what is to come ("next week", "tomorrow"), and habits ("on Fridays").

    Args:
        query: Any text.
        now: The time of the request; UTC if it is naive. Days begin in its time zone.
    """
    now = now if now.utcoffset() is not None else now.replace(tzinfo=UTC)
    text = " ".join(query.split())
    low = lowered(text)
    parts: list[_Part] = []
    for expression in expressions(text, low):
        leads = lead(expression, low)
        joined = bool(parts) and _is_joined(low, parts[-1], expression, leads)
        if parts and not joined:
            break
        found = span(expression, now, now) if says_when(expression, low, leads.word, joined=joined) else None
        if found is not None:
            parts.append(_Part(expression, leads, found))
    return _period(parts, text, now) if parts else None


def _is_joined(low: str, before: _Part, expression: Expression, leads: Lead) -> bool:
    """Tell whether an expression goes on with a part: "and May 9", or "and before May 9" after "since May 3"."""
    end = before.expression.end
    if _JOINS.fullmatch(low, end, expression.start):
        return True
    opens = before.lead.word in _OPEN_AFTER and leads.word in _OPEN_BEFORE
    return opens and _AND.fullmatch(low, end, leads.start) is not None


def _period(parts: Sequence[_Part], text: str, now: datetime) -> Period:
    """Return the period that one part says, or several that are joined."""
    first, last = parts[0], parts[-1]
    said = text[first.lead.start : last.expression.end]
    any_year = all(part.expression.kind in _ONCE_A_YEAR and not _YEAR.search(part.expression.words) for part in parts)
    if len(parts) > 1:
        spans = _in_order(parts, now)
        closes = last.lead.word in _OPEN_BEFORE
        start = spans[0].end if first.lead.word == "after" and closes else min(part.start for part in spans)
        end = spans[-1].start if last.lead.word == "before" else max(part.end for part in spans)
        return Period(start, end, said, any_year)
    if first.lead.word in _OPEN_AFTER:
        return Period(first.span.end if first.lead.word == "after" else first.span.start, None, said, any_year)
    if first.lead.word in _OPEN_BEFORE:
        return Period(None, first.span.start if first.lead.word == "before" else first.span.end, said, any_year)
    return Period(first.span.start, first.span.end, said, any_year)


def _in_order(parts: Sequence[_Part], now: datetime) -> list[Span]:
    """Return the spans of joined parts; what has no year is as near as it can be: "from May to July 2023"."""
    first, *between, last = parts
    start = span(first.expression, now, last.span.start) or first.span
    end = last.span
    dated = first.expression.kind is not Kind.YEAR and _YEAR.search(first.expression.words) is not None
    if last.expression.kind in _ONCE_A_YEAR and (dated or end.start < start.start):
        with contextlib.suppress(OverflowError):  # in the year 9999
            end = span(last.expression, now, start.start + _NEARLY_A_YEAR) or end
    return [start, *(part.span for part in between), end]
