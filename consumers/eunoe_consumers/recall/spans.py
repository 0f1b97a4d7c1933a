"""Turn an expression of time into a span of the Gregorian calendar.

Weeks begin on Monday. Seasons are the meteorological ones of the northern hemisphere. python-dateutil reads the dates.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from dateutil.parser import isoparse, parse
from dateutil.relativedelta import relativedelta


class Kind(StrEnum):
    """The form of an expression of time."""

    ISO = "iso"  # 2023-05-07, 2023-05-07T10:30Z, 2023-05
    NUMERIC = "numeric"  # 7.5.2023, 5/7/2023, 2023/05/07
    DATE = "date"  # 7 May, May 7th, 2023, Friday 7 May, 3 to 9 May
    MONTH_OF_YEAR = "month_of_year"  # May 2023
    AGO = "ago"  # two weeks ago
    ROLLING = "rolling"  # the last 3 days, the past week
    RELATIVE = "relative"  # last week, this month, last May, past Friday
    WEEKEND = "weekend"  # the weekend
    DAY = "day"  # yesterday, tonight
    SEASON = "season"  # summer, summer of 2023
    WEEKDAY = "weekday"  # Friday
    MONTH = "month"  # May
    YEAR = "year"  # 2023, 2019-2021


class Span(NamedTuple):
    """A half-open span of time.

    Attributes:
        start: The first moment, aware.
        end: The moment after the last one, aware.
    """

    start: datetime
    end: datetime


_STEPS: Final = {
    "day": relativedelta(days=1),
    "week": relativedelta(weeks=1),
    "month": relativedelta(months=1),
    "year": relativedelta(years=1),
}
_DAY: Final = _STEPS["day"]
_CLOCK: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The first day of the week and the day behind the last one; Monday is 0.
_DAYS_OF_WEEK: Final = {name: (day, day + 1) for day, name in enumerate(_WEEKDAYS)} | {"weekend": (5, 7)}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# The smallest and the largest number that a vague word means.
_VAGUE_NUMBERS: Final = {"couple": (2, 2), "few": (2, 5), "several": (3, 7)}
_UNIT: Final = re.compile("|".join((*_CLOCK, *_STEPS)))
_DAY_UNTIL: Final = re.compile(
    r"([0-9]{1,2})(?:st|[nr]d|th)? ?(?:-|\u2013|\u2014|to|and|until|till|through) ?(?=[0-9]{1,2}\b|[0-9]{1,2}[a-z])"
)
# A date without a year is parsed in a leap year, which has every day. The latest 29 February may be eight years ago:
# 1900 and 2100 are no leap years.
_LEAP_YEAR: Final = 2000
_MAX_YEARS_BACK: Final = 8


def read_span(kind: Kind, words: str, now: datetime, latest: datetime) -> Span | None:
    """Return the span that an expression means; None if the calendar has no such day ("31 June").

    Args:
        kind: The form of the expression.
        words: The expression in lower case.
        now: The time of the request, aware. Days begin in its time zone.
        latest: A day, month or season without a year begins at this moment or before it.
    """
    try:
        return _READERS[kind](words, now, latest)
    except (ValueError, OverflowError):
        return None


def _lasting(start: datetime, step: relativedelta) -> Span:
    return Span(start, start + step)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _unit_around(moment: datetime, unit: str) -> Span:
    """Return the day, week, month or year that contains a moment."""
    start = _midnight(moment)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    elif unit != "day":
        start = start.replace(day=1) if unit == "month" else start.replace(day=1, month=1)
    return _lasting(start, _STEPS[unit])


def _nearby(name: str, moment: datetime) -> tuple[Span, relativedelta]:
    """Return the weekday or weekend in a moment's week, or the month or season in its year, and its interval."""
    if name in _DAYS_OF_WEEK:
        monday = _unit_around(moment, "week").start
        first, end = _DAYS_OF_WEEK[name]
        return Span(monday + first * _DAY, monday + end * _DAY), _STEPS["week"]
    january = _unit_around(moment, "year").start
    month, months = (_SEASONS[name], 3) if name in _SEASONS else (_MONTHS.index(name[:3]) + 1, 1)
    return _lasting(january.replace(month=month), relativedelta(months=months)), _STEPS["year"]


def _latest_begun(name: str, latest: datetime) -> Span:
    """Return the latest weekday, weekend, month or season that begins at a moment or before it."""
    span, interval = _nearby(name, latest)
    return span if span.start <= latest else Span(span.start - interval, span.end - interval)


def _latest_ended(name: str, now: datetime) -> Span:
    """Return the latest weekday, weekend, month or season that has ended."""
    span, interval = _nearby(name, now)
    while span.end > now:
        span = Span(span.start - interval, span.end - interval)
    return span


def _current(name: str, now: datetime) -> Span:
    """Return this week's weekday or weekend, or this year's month or season. In January, winter began last year."""
    span, interval = _nearby(name, now)
    previous = Span(span.start - interval, span.end - interval)
    return previous if previous.end > now else span


def _iso(words: str, now: datetime, _latest: datetime) -> Span:
    moment = isoparse(words.replace(" ", "t"))
    moment = moment.astimezone(now.tzinfo) if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    time = words.partition("t")[2] or words.partition(" ")[2]
    if not time:
        return _lasting(moment, _STEPS["day" if words.count("-") > 1 else "month"])
    has_seconds = re.match(r"[0-9]{2}:[0-9]{2}:", time) is not None
    start = moment.replace(microsecond=0)
    return Span(start, start + (timedelta(seconds=1) if has_seconds else timedelta(minutes=1)))


def _numeric(words: str, now: datetime, _latest: datetime) -> Span | None:
    """Read the day first with dots, the month first with slashes. Return None for an ambiguous date with hyphens."""
    first, second, _ = (int(number) for number in re.split(r"[./-]", words))
    if "-" in words and first != second and max(first, second) <= len(_MONTHS):
        return None
    return _lasting(_parse(words, now, day_first="." in words), _DAY)


def _date(words: str, now: datetime, latest: datetime) -> Span:
    words = words.replace("the ", "")
    until = _DAY_UNTIL.search(words)
    if until is None:
        return _lasting(_day(words, now, latest), _DAY)
    last = _day(words[: until.start()] + words[until.end() :], now, latest)
    first = last.replace(day=int(until.group(1)))
    return Span(first if first <= last else first - _STEPS["month"], last + _DAY)


def _day(words: str, now: datetime, latest: datetime) -> datetime:
    day = _parse(words, now)
    if re.search("[0-9]{4}", words):
        return day
    for year in range(latest.year, latest.year - _MAX_YEARS_BACK - 1, -1):
        try:
            dated = day.replace(year=year)
        except ValueError:  # 29 February
            continue
        if dated <= latest:
            return dated
    raise ValueError(words)


def _parse(words: str, now: datetime, *, day_first: bool = False) -> datetime:
    """Parse a date, or a month without a day, to the midnight at which it begins."""
    return parse(words, dayfirst=day_first, default=datetime(_LEAP_YEAR, 1, 1, tzinfo=now.tzinfo))


def _month_of_year(words: str, now: datetime, _latest: datetime) -> Span:
    return _lasting(_parse(words, now), _STEPS["month"])


def _ago(words: str, now: datetime, _latest: datetime) -> Span:
    """Return the whole minute, hour, day, week, month or year. A vague number such as "few" covers several."""
    fewest, most, unit = _amount(words)
    if unit not in _CLOCK:
        first, last = now - most * _STEPS[unit], now - fewest * _STEPS[unit]
        return Span(_unit_around(first, unit).start, _unit_around(last, unit).end)
    first, last = _clock_before(now, most, unit), _clock_before(now, fewest, unit)
    if unit == "hour":
        first, last = first.replace(minute=0), last.replace(minute=0)
    return Span(first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0) + _CLOCK[unit])


def _rolling(words: str, now: datetime, _latest: datetime) -> Span:
    """Return whole days that end with today. Hours and minutes end now."""
    _, most, unit = _amount(words)
    if unit in _CLOCK:
        return Span(_clock_before(now, most, unit), now)
    return Span(_midnight(now - most * _STEPS[unit]), _midnight(now) + _DAY)


def _amount(words: str) -> tuple[int, int, str]:
    """Return the smallest and the largest number that the words may mean, and the unit."""
    found = _UNIT.search(words)
    unit = found.group() if found else ""
    for word in words.split():
        if word in _VAGUE_NUMBERS:
            return *_VAGUE_NUMBERS[word], unit
        if word in _NUMBERS or word.isdecimal():
            number = int(word) if word.isdecimal() else _NUMBERS.index(word) + 1
            return number, number, unit
    return 1, 1, unit


def _clock_before(now: datetime, number: int, unit: str) -> datetime:
    # Computed in UTC: an hour ago is 60 minutes ago, also on the day when the clocks change.
    return (now.astimezone(UTC) - number * _CLOCK[unit]).astimezone(now.tzinfo)


def _relative(words: str, now: datetime, _latest: datetime) -> Span:
    this, name = words.startswith("this ") and " past " not in words, words.rpartition(" ")[2]
    if name in _STEPS:
        return _unit_around(now if this else now - _STEPS[name], name)
    return _current(name, now) if this else _latest_ended(name, now)


def _named_day(words: str, now: datetime, _latest: datetime) -> Span:
    today = _midnight(now)
    if words == "last night":
        return Span(today - timedelta(hours=6), today + timedelta(hours=6))
    days_ago = 2 if "before" in words else int("yesterday" in words)
    return _lasting(today - days_ago * _DAY, _DAY)


def _season(words: str, now: datetime, latest: datetime) -> Span:
    name, _, year = words.replace(" of ", " ").partition(" ")
    return _latest_begun(name, _midnight(now).replace(month=12, day=31, year=int(year)) if year else latest)


def _recurring(words: str, _now: datetime, latest: datetime) -> Span:
    return _latest_begun(words.rpartition(" ")[2], latest)


def _years(words: str, now: datetime, _latest: datetime) -> Span:
    january = _midnight(now).replace(month=1, day=1)
    return Span(january.replace(year=int(words[:4])), january.replace(year=int(words[-4:]) + 1))


_READERS: Final[Mapping[Kind, Callable[[str, datetime, datetime], Span | None]]] = {
    Kind.ISO: _iso,
    Kind.NUMERIC: _numeric,
    Kind.DATE: _date,
    Kind.MONTH_OF_YEAR: _month_of_year,
    Kind.AGO: _ago,
    Kind.ROLLING: _rolling,
    Kind.RELATIVE: _relative,
    Kind.WEEKEND: _recurring,
    Kind.DAY: _named_day,
    Kind.SEASON: _season,
    Kind.WEEKDAY: _recurring,
    Kind.MONTH: _recurring,
    Kind.YEAR: _years,
}
