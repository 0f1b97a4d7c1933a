"""Turn an expression of time into a span of the Gregorian calendar.

Weeks begin on Monday. Seasons are the meteorological ones of the northern hemisphere. python-dateutil reads the dates.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from dateutil.parser import isoparse, parse
from dateutil.relativedelta import relativedelta

from eunoe_consumers.recall.calendar_spans import (
    CLOCK,
    DAY,
    DAYS_OF_WEEK,
    MONTHS,
    SEASONS,
    STEPS,
    Span,
    amount,
    lasting,
    latest_begun,
    latest_ended,
    midnight,
    nearby,
    unit_around,
)
from eunoe_consumers.recall.holidays import holiday_in
from eunoe_consumers.recall.span_modifiers import ORDINALS, numbered_part


class Kind(StrEnum):
    """The form of an expression of time."""

    ISO = "iso"  # 2023-05-07, 2023-05-07T10:30Z, 2023-05
    NUMERIC = "numeric"  # 7.5.2023, 5/7/2023, 2023/05/07
    DATE = "date"  # 7 May, May 7th, 2023, Friday 7 May, 3 to 9 May
    PART_OF = "part_of"  # the first week of May, the second half of 2023
    QUARTER = "quarter"  # Q2 2023
    DAY_OF_MONTH = "day_of_month"  # on the 3rd
    MONTH_OF_YEAR = "month_of_year"  # May 2023, May last year
    AGO = "ago"  # two weeks ago, two Mondays ago
    BEFORE_LAST = "before_last"  # the weekend before last
    HOLIDAY = "holiday"  # Christmas, New Year's Eve 2023
    ROLLING = "rolling"  # the last 3 days, the past week
    RELATIVE = "relative"  # last week, this month, last May, past Friday
    WEEKEND = "weekend"  # the weekend
    DAY = "day"  # yesterday, tonight
    SEASON = "season"  # summer, summer of 2023
    WEEKDAY = "weekday"  # Friday
    MONTH = "month"  # May
    YEAR = "year"  # 2023, 2019-2021


_DAY_UNTIL: Final = re.compile(
    r"([0-9]{1,2})(?:st|[nr]d|th)? ?(?:-|\u2013|\u2014|to|and|until|till|through|or) ?(?=[0-9]{1,2}\b|[0-9]{1,2}[a-z])"
)
# "3, 4 and 5 May" is read from the first to the last.
_MIDDLE_DAYS: Final = re.compile(
    r"(?:(?<=[0-9])|(?<=[0-9](?:st|[nr]d|th)))(?:, ?[0-9]{1,2}(?:st|[nr]d|th)?\b)+,? (?=(?:to|and|or|until) )"
)
# A date without a year is parsed in a leap year, which has every day. The latest 29 February may be eight years ago:
# 1900 and 2100 are no leap years.
_LEAP_YEAR: Final = 2000
_MAX_YEARS_BACK: Final = 8
_SHORT_YEARS_BACK: Final = 20


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


def _current(name: str, now: datetime) -> Span:
    """Return this week's weekday or weekend, or this year's month or season. In January, winter began last year."""
    span, interval = nearby(name, now)
    previous = Span(span.start - interval, span.end - interval)
    return previous if previous.end > now else span


def _iso(words: str, now: datetime, _latest: datetime) -> Span:
    moment = isoparse(words.replace(" ", "t"))
    moment = moment.astimezone(now.tzinfo) if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    time = words.partition("t")[2] or words.partition(" ")[2]
    if not time:
        return lasting(moment, STEPS["day" if words.count("-") > 1 else "month"])
    has_seconds = re.match(r"[0-9]{2}:[0-9]{2}:", time) is not None
    start = moment.replace(microsecond=0)
    return Span(start, start + (timedelta(seconds=1) if has_seconds else timedelta(minutes=1)))


def _numeric(words: str, now: datetime, _latest: datetime) -> Span | None:
    """Read the day first with dots, the month first with slashes. Return None for an ambiguous date with hyphens."""
    first, second, year = (int(number) for number in re.split(r"[./-]", words))
    if "-" in words and first != second and max(first, second) <= len(MONTHS):
        return None
    if re.search(r"\.[0-9]{2}$", words):  # 3.11.12 is a date only if it lies in the last decades
        years_ago = now.year - (now.year // 100 * 100 + year)
        return (
            lasting(midnight(now).replace(year=now.year - years_ago, month=second, day=first), DAY)
            if (0 <= years_ago <= _SHORT_YEARS_BACK)
            else None
        )
    return lasting(_parse(words, now, day_first="." in words), DAY)


def other_reading(words: str, now: datetime) -> Span | None:
    """Return the day that a date with slashes means if its day comes first: 3/5/2023 is also 3 May."""
    numbers = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/[0-9]{2,4}", words)
    if numbers is None or numbers[1] == numbers[2] or max(int(numbers[1]), int(numbers[2])) > len(MONTHS):
        return None
    return lasting(_parse(words, now, day_first=True), DAY)


def _date(words: str, now: datetime, latest: datetime) -> Span:
    words = _MIDDLE_DAYS.sub(" ", words.replace("the ", ""))
    until = _DAY_UNTIL.search(words)
    if until is None:
        return lasting(_day(words, now, latest), DAY)
    last = _day(words[: until.start()] + words[until.end() :], now, latest)
    first = last.replace(day=int(until.group(1)))
    return Span(first if first <= last else first - STEPS["month"], last + DAY)


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
    return lasting(_parse(words, now), STEPS["month"])


def _ago(words: str, now: datetime, _latest: datetime) -> Span:
    """Return the whole minute, hour, day, week, month or year. A vague number such as "few" covers several."""
    name = words.partition(" ago")[0].rpartition(" ")[2].removesuffix("s")
    if name in DAYS_OF_WEEK or name in SEASONS:
        return _before_last(name, now, amount(words)[0] - 1)
    fewest, most, unit = amount(words)
    if words.endswith((" today", " yesterday")) and fewest == most and unit in STEPS:
        return unit_around(now - most * STEPS[unit] - int(words.endswith("yesterday")) * DAY, "day")
    if " on " in words and fewest == most and unit in STEPS:
        named = latest_begun(words.rpartition(" ")[2], now)
        return Span(named.start - most * STEPS[unit], named.end - most * STEPS[unit])
    if unit not in CLOCK:
        first, last = now - most * STEPS[unit], now - fewest * STEPS[unit]
        return Span(unit_around(first, unit).start, unit_around(last, unit).end)
    first, last = _clock_before(now, most, unit), _clock_before(now, fewest, unit)
    if unit == "hour":
        first, last = first.replace(minute=0), last.replace(minute=0)
    return Span(first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0) + CLOCK[unit])


def _rolling(words: str, now: datetime, _latest: datetime) -> Span:
    """Return whole days that end with today. Hours and minutes end now."""
    _, most, unit = amount(words)
    if unit in CLOCK:
        return Span(_clock_before(now, most, unit), now)
    return Span(midnight(now - most * STEPS[unit]), midnight(now) + DAY)


def _clock_before(now: datetime, number: int, unit: str) -> datetime:
    # Computed in UTC: an hour ago is 60 minutes ago, also on the day when the clocks change.
    return (now.astimezone(UTC) - number * CLOCK[unit]).astimezone(now.tzinfo)


def _relative(words: str, now: datetime, _latest: datetime) -> Span:
    this, name = words.startswith("this ") and " past " not in words, words.rpartition(" ")[2]
    if name in STEPS:
        return unit_around(now if this else now - STEPS[name], name)
    if this and name == "weekend":  # until it begins, people mean the one before
        return latest_begun(name, now)
    return _current(name, now) if this else latest_ended(name, now)


def _before_last(name: str, now: datetime, intervals: int = 1) -> Span:
    """Return the weekday, weekend, month or season some intervals before the latest one that has ended."""
    span, interval = latest_ended(name, now), nearby(name, now)[1]
    return Span(span.start - intervals * interval, span.end - intervals * interval)


def _unit_before_last(words: str, now: datetime, _latest: datetime) -> Span:
    name = words.removeprefix("the ").split(" ", 1)[0]
    return unit_around(now - 2 * STEPS[name], name) if name in STEPS else _before_last(name, now)


def _holiday(words: str, now: datetime, latest: datetime) -> Span | None:
    """Return a holiday of the named year, or the latest one that has begun; with "last", that has ended."""
    name = re.sub("['\u2019]| [0-9]{4}$|,|^(?:last|this|past) | of(?= [0-9])", "", words).strip()
    name = re.sub(" [0-9]{4}$", "", name)
    year = re.search("[0-9]{4}", words)
    years = [int(year.group())] if year else range(latest.year + 1, latest.year - 3, -1)
    for number in years:
        span = holiday_in(name, midnight(now).replace(year=number, month=1, day=1))
        if year or (span.end <= now if words.startswith(("last ", "past ")) else span.start <= latest):
            # "This Christmas" is a plan, except soon after Christmas.
            return span if not words.startswith("this ") or now < span.end + relativedelta(months=3) else None
    raise ValueError(words)


def _quarter(words: str, now: datetime, latest: datetime) -> Span:
    quarter, year = int(words[1]), re.search("[0-9]{4}", words)
    january = midnight(now).replace(month=1, day=1)
    january = january.replace(year=int(year.group())) if year else january
    span = lasting(january.replace(month=3 * quarter - 2), relativedelta(months=3))
    return span if year or span.start <= latest else Span(span.start - STEPS["year"], span.end - STEPS["year"])


def _part_of(words: str, now: datetime, latest: datetime) -> Span | None:
    """Return the first week, second half or last Friday of a month or year."""
    part, name = re.split(" (?:of|in) ", words.removeprefix("the ").replace("few ", ""), maxsplit=1)
    if name.endswith((" month", " year")):
        whole = _relative(name, now, latest)
    elif re.fullmatch("[0-9]{4}", name):
        whole = _years(name, now, latest)
    elif re.search("[0-9]{4}", name):
        whole = _month_of_year(name, now, latest)
    else:
        whole = latest_begun(name.removesuffix("."), latest)
    ordinal, unit = part.split(" ")
    return numbered_part(whole, ORDINALS[ordinal], unit)


def _day_of_month(words: str, now: datetime, latest: datetime) -> Span:
    found = re.search("[0-9]{1,2}", words)
    first = unit_around(now, "month").start
    day = int(found.group()) if found else 0
    if words.endswith("last month"):
        return lasting((first - STEPS["month"]).replace(day=day), DAY)
    for back in range(0 if now.day >= day or words.endswith("this month") else 1, 3):
        with contextlib.suppress(ValueError):  # a month without that day
            span = lasting((first - back * STEPS["month"]).replace(day=day), DAY)
            if span.start <= latest:
                return span
    raise ValueError(words)


def _named_day(words: str, now: datetime, _latest: datetime) -> Span:
    today = midnight(now)
    if words.endswith(" before last"):
        return Span(today - DAY - timedelta(hours=6), today - DAY + timedelta(hours=6))
    if words == "last night":
        return Span(today - timedelta(hours=6), today + timedelta(hours=6))
    days_ago = 2 if "before" in words else int("yesterday" in words)
    return lasting(today - days_ago * DAY, DAY)


def _season(words: str, now: datetime, latest: datetime) -> Span:
    name, _, year = words.replace(" of ", " ").partition(" ")
    return latest_begun(name, midnight(now).replace(month=12, day=31, year=int(year)) if year else latest)


def _recurring(words: str, _now: datetime, latest: datetime) -> Span:
    return latest_begun(words.rpartition(" ")[2], latest)


def _years(words: str, now: datetime, _latest: datetime) -> Span:
    january = midnight(now).replace(month=1, day=1)
    return Span(january.replace(year=int(words[:4])), january.replace(year=int(words[-4:]) + 1))


_READERS: Final[Mapping[Kind, Callable[[str, datetime, datetime], Span | None]]] = {
    Kind.ISO: _iso,
    Kind.NUMERIC: _numeric,
    Kind.DATE: _date,
    Kind.PART_OF: _part_of,
    Kind.QUARTER: _quarter,
    Kind.DAY_OF_MONTH: _day_of_month,
    Kind.MONTH_OF_YEAR: _month_of_year,
    Kind.AGO: _ago,
    Kind.BEFORE_LAST: _unit_before_last,
    Kind.HOLIDAY: _holiday,
    Kind.ROLLING: _rolling,
    Kind.RELATIVE: _relative,
    Kind.WEEKEND: _recurring,
    Kind.DAY: _named_day,
    Kind.SEASON: _season,
    Kind.WEEKDAY: _recurring,
    Kind.MONTH: _recurring,
    Kind.YEAR: _years,
}
