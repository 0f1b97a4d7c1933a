"""Stretches of time by the calendar: Gregorian, weeks from Monday, the northern hemisphere's meteorological seasons."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dateutil.parser import parserinfo
from dateutil.relativedelta import relativedelta

STEPS: Final = {
    "day": relativedelta(days=1),
    "week": relativedelta(weeks=1),
    "month": relativedelta(months=1),
    "year": relativedelta(years=1),
}
DAY: Final = STEPS["day"]
SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_SEASON: Final = relativedelta(months=3)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMES: Final = parserinfo()


class Span(NamedTuple):
    """A stretch of time, half-open.

    Attributes:
        start: Its first moment, aware.
        end: The moment after it, aware.
    """

    start: datetime
    end: datetime


def lasting(start: datetime, step: relativedelta) -> Span:
    """Return the time from a moment on."""
    return Span(start, start + step)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of a moment's day, in its time zone."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def unit_around(moment: datetime, unit: str) -> Span:
    """Return the day, week, month or year that a moment is in."""
    day = midnight(moment)
    starts = {
        "day": day,
        "week": day - timedelta(days=day.weekday()) if unit == "week" else day,
        "month": day.replace(day=1),
        "year": day.replace(day=1, month=1),
    }
    return lasting(starts[unit], STEPS[unit])


def years(first: int, last: int, near: datetime) -> Span:
    """Return the time from one year to another, both included, in the time zone of the moment `near`."""
    start = midnight(near).replace(day=1, month=1)
    return Span(start.replace(year=first), start.replace(year=last + 1))


def named(name: str, near: datetime) -> tuple[Span, relativedelta]:
    """Return the weekday or weekend of a moment's week, or the month or season of its year, and how often it comes."""
    if name == "weekend":
        monday = unit_around(near, "week").start
        return Span(monday + 5 * DAY, monday + STEPS["week"]), STEPS["week"]
    if name in _WEEKDAYS:
        monday = unit_around(near, "week").start
        return lasting(monday + _WEEKDAYS.index(name) * DAY, DAY), STEPS["week"]
    january = unit_around(near, "year").start
    if name in SEASONS:
        return lasting(january.replace(month=SEASONS[name]), _SEASON), STEPS["year"]
    return lasting(january.replace(month=month_number(name)), STEPS["month"]), STEPS["year"]


def month_number(name: str) -> int:
    """Return 1..12 for the English name of a month or its abbreviation.

    Raises:
        ValueError: If there is no such month.
    """
    number = _NAMES.month(name)
    if number is None:
        msg = f"{name} is no month"
        raise ValueError(msg)
    return number


def latest_begun(name: str, latest: datetime) -> Span:
    """Return the latest weekday, weekend, month or season of a name that begins not after a moment."""
    span, every = named(name, latest)
    return span if span.start <= latest else Span(span.start - every, span.end - every)


def latest_over(name: str, now: datetime) -> Span:
    """Return the latest weekday, weekend, month or season of a name that is over."""
    span, every = named(name, now)
    while span.end > now:
        span = Span(span.start - every, span.end - every)
    return span


def current(name: str, now: datetime) -> Span:
    """Return this week's weekday or weekend, this year's month or season, or the winter that began last year."""
    span, every = named(name, now)
    before = Span(span.start - every, span.end - every)
    return before if before.end > now else span
