"""Read the words of a date or period: dates with python-dateutil, relative ones by the calendar."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from dateutil.parser import isoparse, parse

from eunoe_consumers.recall.query_understanding.calendar_spans import (
    DAY,
    STEPS,
    Span,
    current,
    lasting,
    latest_begun,
    latest_over,
    midnight,
    unit_around,
    years,
)
from eunoe_consumers.recall.query_understanding.date_expressions import UNITS, Expression, Kind

_CLOCK: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# From how many to how many a vague number may mean.
_VAGUE: Final = {"couple": (2, 2), "few": (2, 5), "several": (3, 7)}
_DAY_UNTIL: Final = re.compile(
    r"([0-9]{1,2})(?:st|[nr]d|th)? ?(?:-|\u2013|\u2014|to|and|until|till|through) ?(?=[0-9]{1,2}\b|[0-9]{1,2}[a-z])"
)
_MONTHS_OF_A_YEAR: Final = 12
# A date without a year is read in a leap year, which has every day; 29 February may be eight years ago (1900, 2100).
_LEAP_YEAR: Final = 2000
_MOST_YEARS_BACK: Final = 8


def span(expression: Expression, now: datetime, latest: datetime) -> Span | None:
    """Return the time that an expression means, or None if it means none after all ("31 June").

    Args:
        expression: What was found.
        now: The time of the request, aware; its time zone is that of the dates.
        latest: When at most a day, month or season without a year begins: `now`, unless there is more to know.
    """
    try:
        return _READERS[expression.kind](expression.words, now, latest)
    except (ValueError, OverflowError):  # a day that its month has not, a year that the calendar has not
        return None


def _iso(words: str, now: datetime, _latest: datetime) -> Span:
    moment = isoparse(words.replace(" ", "t"))
    moment = moment.astimezone(now.tzinfo) if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    colons = words.partition("t")[2] or words.partition(" ")[2]
    if not colons:
        return lasting(moment, STEPS["day" if words.count("-") > 1 else "month"])
    exact = re.match(r"[0-9]{2}:[0-9]{2}:", colons) is not None
    start = moment.replace(microsecond=0)
    return Span(start, start + (timedelta(seconds=1) if exact else timedelta(minutes=1)))


def _numeric(words: str, now: datetime, _latest: datetime) -> Span | None:
    """Day first with dots, month first with slashes, as where they are written so; with hyphens only if it is clear."""
    first, second, _ = (int(number) for number in re.split(r"[./-]", words))
    if "-" in words and first != second and max(first, second) <= _MONTHS_OF_A_YEAR:
        return None
    return lasting(_read(words, now, day_first="." in words), DAY)


def _date(words: str, now: datetime, latest: datetime) -> Span:
    words = words.replace("the ", "")
    until = _DAY_UNTIL.search(words)
    if until is None:
        return lasting(_day(words, now, latest), DAY)
    last = _day(words[: until.start()] + words[until.end() :], now, latest)
    first = last.replace(day=int(until.group(1)))
    return Span(first if first <= last else first - STEPS["month"], last + DAY)


def _day(words: str, now: datetime, latest: datetime) -> datetime:
    day = _read(words, now)
    if re.search("[0-9]{4}", words):
        return day
    for year in range(latest.year, latest.year - _MOST_YEARS_BACK - 1, -1):
        try:
            dated = day.replace(year=year)
        except ValueError:  # 29 February
            continue
        if dated <= latest:
            return dated
    raise ValueError(words)


def _read(words: str, now: datetime, *, day_first: bool = False) -> datetime:
    """Return the midnight that begins a date, or the month of a date without a day."""
    return parse(words, dayfirst=day_first, default=datetime(_LEAP_YEAR, 1, 1, tzinfo=now.tzinfo))


def _month_of_year(words: str, now: datetime, _latest: datetime) -> Span:
    return lasting(_read(words, now), STEPS["month"])


def _ago(words: str, now: datetime, _latest: datetime) -> Span:
    """Return the day, week, month ... that was so long ago, whole."""
    fewest, most, unit = _amount(words)
    if unit not in _CLOCK:
        first, last = now - most * STEPS[unit], now - fewest * STEPS[unit]
        return Span(unit_around(first, unit).start, unit_around(last, unit).end)
    first, last = _clock_before(now, most, unit), _clock_before(now, fewest, unit)
    if unit == "hour":
        first, last = first.replace(minute=0), last.replace(minute=0)
    return Span(first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0) + _CLOCK[unit])


def _rolling(words: str, now: datetime, _latest: datetime) -> Span:
    """Return whole days, today included, from so long ago; of hours and minutes no more than was said."""
    _, most, unit = _amount(words)
    if unit in _CLOCK:
        return Span(_clock_before(now, most, unit), now)
    return Span(midnight(now - most * STEPS[unit]), midnight(now) + DAY)


def _amount(words: str) -> tuple[int, int, str]:
    """Return the least and the greatest number that is meant, and of what."""
    found = re.search(UNITS, words)
    unit = found.group() if found else ""
    for word in words.split():
        if word in _VAGUE:
            return *_VAGUE[word], unit
        if word in _NUMBERS or word.isdecimal():
            number = int(word) if word.isdecimal() else _NUMBERS.index(word) + 1
            return number, number, unit
    return 1, 1, unit


def _clock_before(now: datetime, number: int, unit: str) -> datetime:
    # Through UTC: an hour ago is an hour ago on the day the clocks change, too.
    return (now.astimezone(UTC) - number * _CLOCK[unit]).astimezone(now.tzinfo)


def _relative(words: str, now: datetime, _latest: datetime) -> Span:
    this, name = words.startswith("this ") and " past " not in words, words.rpartition(" ")[2]
    if name in STEPS:
        return unit_around(now if this else now - STEPS[name], name)
    return current(name, now) if this else latest_over(name, now)


def _named_day(words: str, now: datetime, _latest: datetime) -> Span:
    today = midnight(now)
    if words == "last night":  # from the evening to the morning
        return Span(today - timedelta(hours=6), today + timedelta(hours=6))
    days_ago = 2 if "before" in words else int("yesterday" in words)
    return lasting(today - days_ago * DAY, DAY)


def _season(words: str, now: datetime, latest: datetime) -> Span:
    name, _, year = words.replace(" of ", " ").partition(" ")
    return latest_begun(name, midnight(now).replace(month=12, day=31, year=int(year)) if year else latest)


def _named(words: str, _now: datetime, latest: datetime) -> Span:
    return latest_begun(words.rpartition(" ")[2], latest)


def _year(words: str, now: datetime, _latest: datetime) -> Span:
    return years(int(words[:4]), int(words[-4:]), now)


_READERS: Final[Mapping[Kind, Callable[[str, datetime, datetime], Span | None]]] = {
    Kind.ISO: _iso,
    Kind.NUMERIC: _numeric,
    Kind.DATE: _date,
    Kind.MONTH_OF_YEAR: _month_of_year,
    Kind.AGO: _ago,
    Kind.ROLLING: _rolling,
    Kind.RELATIVE: _relative,
    Kind.WEEKEND: _named,
    Kind.DAY: _named_day,
    Kind.SEASON: _season,
    Kind.WEEKDAY: _named,
    Kind.MONTH: _named,
    Kind.YEAR: _year,
}
