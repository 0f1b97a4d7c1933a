"""Words around an expression of time that change its span: "last year", "at the end of", "three days before"."""

import re
from datetime import datetime, timedelta
from typing import Final

from dateutil.relativedelta import relativedelta, weekday

from eunoe_consumers.recall.calendar_spans import DAY, STEPS, WEEKDAYS, Span, amount, nearby, unit_around

_SHORTEST_MONTH: Final = 28
_LONGEST_MONTH: Final = timedelta(days=31, hours=2)  # the clocks may change
_DAYS_OF_PART: Final = {"day": 1, "days": 5, "week": 7}
ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": -1}
# "Two weeks before Christmas" is a few days wide.
_ROOM: Final = {"day": 0 * DAY, "week": 3 * DAY, "month": 15 * DAY, "year": 180 * DAY}
# Each part overlaps the next one: nobody knows where the beginning of May ends.
_SHARE_AT_END: Final = 0.4
_SHARE_BEFORE_MIDDLE: Final = 0.3
_YEAR_WORDS: Final = re.compile(
    r",? (?:of |in )?(?:(?P<before>the year before last)|(?P<ago>(?:\w+ ){1,3})years? ago"
    r"|(?P<which>last|this|the (?:last|past|previous)) year)$"
)


def with_year(words: str, now: datetime) -> str:
    """Replace "last year", "this year" and "two years ago" at the end of an expression by the year."""
    found = _YEAR_WORDS.search(words)
    if found is None:
        return words
    if found["ago"]:
        fewest, most, _ = amount(found["ago"])
        if fewest != most:
            return words
        years = fewest
    else:
        years = 2 if found["before"] else int(found["which"] != "this")
    of = " of" if found.group().startswith(" of") else ""
    return f"{words[: found.start()]}{of} {now.year - years}" if years < now.year else words


def part_of(span: Span, part: str) -> Span:
    """Return the beginning, middle or end of a month or year: "at the end of May". Other spans are returned whole."""
    days = (span.end - span.start) // timedelta(days=1)
    if days < _SHORTEST_MONTH:
        return span
    edge, before = round(days * _SHARE_AT_END) * DAY, round(days * _SHARE_BEFORE_MIDDLE) * DAY
    if part.startswith("mid"):
        return Span(span.start + before, span.end - before)
    return Span(span.end - edge, span.end) if part.startswith(("end", "late")) else Span(span.start, span.start + edge)


def numbered_part(whole: Span, number: int, unit: str) -> Span | None:
    """Return a part of a month or year: its first week, second half, last Friday or last days.

    Args:
        whole: The month or year.
        number: From 1; -1 is the last one.
        unit: "week", "weekend", "half", "quarter", "day", "days" or a weekday.
    """
    if unit in {"half", "quarter"}:
        return _half_or_quarter(whole, number, parts=2 if unit == "half" else 4)
    day = "saturday" if unit == "weekend" else unit
    if day in WEEKDAYS:
        edge = whole.end - DAY if number < 0 else whole.start
        start = edge + relativedelta(weekday=weekday(WEEKDAYS.index(day), number))
        return Span(start, start + (2 if unit == "weekend" else 1) * DAY)
    length = _DAYS_OF_PART[unit] * DAY
    first = whole.end if number < 0 else whole.start + (number - 1) * length
    return Span(first - length, first) if number < 0 else Span(first, first + length)


def _half_or_quarter(whole: Span, number: int, *, parts: int) -> Span | None:
    if number > parts:
        return None
    number = parts if number < 0 else number
    if whole.end - whole.start > _LONGEST_MONTH:  # a year has whole months
        months = relativedelta(months=12 // parts)
        return Span(whole.start + (number - 1) * months, whole.start + number * months)
    length = (whole.end - whole.start) // (parts * timedelta(days=1)) * DAY
    return Span(whole.start + (number - 1) * length, whole.end if number == parts else whole.start + number * length)


def beside(span: Span, offset: str, lead: str) -> Span:
    """Return the span at a distance from another one: "three days before", "the week after", "the week of".

    Args:
        span: The span that the words after `lead` mean.
        offset: The distance, such as "three days" or "the week".
        lead: "before", "after" or "of".
    """
    unit = offset.rpartition(" ")[2]
    unit = unit if unit in WEEKDAYS or unit in STEPS else unit.removesuffix("s")
    if lead == "of":
        return unit_around(span.start, unit) if unit in STEPS else nearby(unit, span.start)[0]
    is_before = lead == "before"
    if unit not in STEPS:
        named, interval = nearby(unit, span.start if is_before else span.end)
        while named.end > span.start and is_before:
            named = Span(named.start - interval, named.end - interval)
        while named.start < span.end and not is_before:
            named = Span(named.start + interval, named.end + interval)
        return named
    if offset.startswith("the "):
        return Span(span.start - STEPS[unit], span.start) if is_before else Span(span.end, span.end + STEPS[unit])
    fewest, most, _ = amount(offset)
    first, last = (-most, -fewest) if is_before else (fewest, most)
    room = _ROOM[unit]
    day = span.start if is_before else span.end - DAY
    return Span(day + first * STEPS[unit] - room, day + last * STEPS[unit] + DAY + room)
