"""The units of the calendar, and the spans that they cover."""

import re
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dateutil.relativedelta import relativedelta


class Span(NamedTuple):
    """A half-open span of time.

    Attributes:
        start: The first moment, aware.
        end: The moment after the last one, aware.
    """

    start: datetime
    end: datetime


STEPS: Final = {
    "day": relativedelta(days=1),
    "week": relativedelta(weeks=1),
    "month": relativedelta(months=1),
    "year": relativedelta(years=1),
}
DAY: Final = STEPS["day"]
CLOCK: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The first day of the week and the day behind the last one; Monday is 0.
DAYS_OF_WEEK: Final = {name: (day, day + 1) for day, name in enumerate(WEEKDAYS)} | {"weekend": (5, 7)}
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# The smallest and the largest number that a vague word means.
_VAGUE_NUMBERS: Final = {"couple": (2, 2), "few": (2, 5), "several": (3, 7)}
_UNIT: Final = re.compile("|".join((*CLOCK, *STEPS)))


def lasting(start: datetime, step: relativedelta) -> Span:
    """Return the span that begins at a moment and lasts a while."""
    return Span(start, start + step)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the day of a moment, in its time zone."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def unit_around(moment: datetime, unit: str) -> Span:
    """Return the day, week, month or year that contains a moment."""
    start = midnight(moment)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    elif unit != "day":
        start = start.replace(day=1) if unit == "month" else start.replace(day=1, month=1)
    return lasting(start, STEPS[unit])


def nearby(name: str, moment: datetime) -> tuple[Span, relativedelta]:
    """Return the weekday or weekend in a moment's week, or the month or season in its year, and its interval."""
    if name in DAYS_OF_WEEK:
        monday = unit_around(moment, "week").start
        first, end = DAYS_OF_WEEK[name]
        return Span(monday + first * DAY, monday + end * DAY), STEPS["week"]
    january = unit_around(moment, "year").start
    month, months = (SEASONS[name], 3) if name in SEASONS else (MONTHS.index(name[:3]) + 1, 1)
    return lasting(january.replace(month=month), relativedelta(months=months)), STEPS["year"]


def latest_begun(name: str, latest: datetime) -> Span:
    """Return the latest weekday, weekend, month or season that begins at a moment or before it."""
    span, interval = nearby(name, latest)
    return span if span.start <= latest else Span(span.start - interval, span.end - interval)


def latest_ended(name: str, now: datetime) -> Span:
    """Return the latest weekday, weekend, month or season that has ended."""
    span, interval = nearby(name, now)
    while span.end > now:
        span = Span(span.start - interval, span.end - interval)
    return span


def amount(words: str) -> tuple[int, int, str]:
    """Return the smallest and the largest number that the words may mean, and the unit."""
    found = _UNIT.search(words)
    unit = found.group() if found else ""
    numbers: list[int] = []
    for word in re.split(r"[ \u2013-]", words):
        if word in _VAGUE_NUMBERS:
            return *_VAGUE_NUMBERS[word], unit
        if word in _NUMBERS or word.isdecimal():
            numbers.append(int(word) if word.isdecimal() else _NUMBERS.index(word) + 1)
    return min(numbers, default=1), max(numbers, default=1), unit
