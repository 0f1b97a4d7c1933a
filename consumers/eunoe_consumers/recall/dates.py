"""Find the period that a query names: "last week", "between May 3 and May 9", "since March", "7.5.2023".

The grammar is small on purpose. Libraries that search for dates are eager and slow: dateparser 1.5's `search_dates`
takes "we" for a Wednesday and "a second" for a date, and needs 0.7 s for a query of 8,000 characters.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from eunoe_consumers.recall.spans import Kind, Span, read_span

# An attacker may write a query full of "may". A person's query has two or three expressions.
_MAX_EXPRESSIONS = 64

_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAYS = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_SEASONS = "(?:spring|summer|autumn|fall|winter)"
_UNITS = "(?:minute|hour|day|week|month|year)"
_NUMBERS = (
    "(?:[0-9]{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    "|(?:a )?couple(?: of)?|(?:a )?few|several)"
)
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])(?:st|[nr]d|th)?"
_YEAR = "(?:19|20)[0-9]{2}"
_TO = r" ?(?:-|\u2013|\u2014|\bto\b|\band\b|\buntil\b|\btill\b|\bthrough\b) ?"
_OF_YEAR = "(?:,? (?:of )?[0-9]{4})"
_WEEKDAY_OF = rf"(?:{_WEEKDAYS},? (?:the )?)?"
# Letters that continue a word. Letters of other scripts may stand directly beside a date: Chinese has no spaces.
_LETTERS = r"0-9a-z_\u00df-\u024f\u0400-\u04ff"
# Digits in longer numbers, amounts and file names are no dates.
_ALONE = r"(?<![.,:/$\u20ac\u00a3#+-])"
_END = rf"(?![{_LETTERS}/%-]|[.,:][0-9])"
_TIME = r"[t ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:z|[+-][0-2][0-9]:?[0-5][0-9])?"
_PATTERNS = {
    Kind.ISO: rf"{_ALONE}[0-9]{{4}}-[01][0-9](?:-[0-3][0-9](?:{_TIME})?)?{_END}",
    Kind.NUMERIC: rf"{_ALONE}(?:[0-9]{{4}}/[0-9]{{1,2}}/[0-9]{{1,2}}|[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{{4}}"
    rf"|[0-9]{{1,2}}/[0-9]{{1,2}}/(?:[0-9]{{4}}|[0-9]{{2}})|[0-9]{{1,2}}-[0-9]{{1,2}}-[0-9]{{4}}){_END}",
    # A second day with a month of its own is the next date: "May 3 and 5 June".
    Kind.DATE: rf"(?<![.$\u20ac\u00a3#+-]){_WEEKDAY_OF}(?:{_DAY}(?:{_TO}{_DAY})?(?: of)? {_MONTHS}\b\.?{_OF_YEAR}?"
    rf"|{_MONTHS}\.? (?:the )?{_DAY}(?:{_TO}{_DAY}(?! (?:of )?{_MONTHS}\b))?\b{_OF_YEAR}?){_END}",
    Kind.MONTH_OF_YEAR: rf"\b{_MONTHS}\.?,? (?:of )?{_YEAR}{_END}",
    Kind.AGO: rf"\b{_NUMBERS} {_UNITS}s? ago\b",
    Kind.ROLLING: rf"\b(?:(?:last|past|previous) {_NUMBERS} {_UNITS}s?|(?:the last|past) (?:week|month|year))\b"
    r"(?! of\b)",
    Kind.RELATIVE: r"\b(?:last|past|previous|this|this past)"
    rf" (?:week|month|year|weekend|{_WEEKDAYS}|{_MONTHS}|{_SEASONS})\b(?! of\b)",
    Kind.WEEKEND: r"\b(?:the|on|at|over) weekend\b",
    Kind.DAY: r"\b(?:the day before yesterday|yesterday|today|tonight|last night|this (?:morning|afternoon|evening))\b",
    Kind.SEASON: rf"\b{_SEASONS}(?: (?:of )?{_YEAR}{_END})?\b",
    Kind.WEEKDAY: rf"\b{_WEEKDAYS}\b",
    Kind.MONTH: rf"\b{_MONTHS}\b",
    Kind.YEAR: rf"{_ALONE}{_YEAR}(?: ?[-\u2013\u2014] ?{_YEAR})?{_END}",
}
_EXPRESSION = re.compile(
    rf"(?<![{_LETTERS}])(?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()) + ")"
)
# A first test, ten times as fast as `_EXPRESSION`: most queries name no time.
_MAY_NAME_TIME = re.compile(
    rf"[0-9]{{4}}|[0-9]/[0-9]|ago\b|yesterday|today|tonight|\b(?:last|this|past|previous|weekend)\b|{_WEEKDAYS}"
    rf"|\b{_MONTHS}\b|\b{_SEASONS}\b"
)

# The words before an expression decide whether it names a time: "in May" does, "May I" and "room 2023" do not.
_PART_OF = r"(?:start|beginning|middle|end) of"
_LEAD = re.compile(
    r"(?<!\w)(?P<word>in|on|at|of|since|during|over|before|after|until|till|by|up to|from|between|next|every|each"
    rf"|coming|version|release|section|chapter|room|page|no|number|{_PART_OF}|early|late|mid)"
    rf"\.?[ -](?:(?:the|an?|about|around|early|late|mid|{_PART_OF})[ -]){{0,3}}$"
)
_LEAD_CHARS = 40  # the length of the longest lead: "between about the beginning of "
_OPEN_AFTER = frozenset({"since", "after"})
_OPEN_BEFORE = frozenset({"before", "until", "till", "by", "up to"})
# After these words even "may" and "march" are months. After "by" they may be verbs.
_BEFORE_ANY_MONTH = frozenset(
    {"in", "since", "during", "before", "after", "until", "till", "up to", "between", "early", "late", "mid"}
    | {f"{part} of" for part in ("start", "beginning", "middle", "end")}
)
_BEFORE_YEARS = _BEFORE_ANY_MONTH | {"from", "by"}
_BEFORE_MONTHS = _BEFORE_YEARS | {"of", "over"}
_BEFORE_WEEKDAYS = _OPEN_AFTER | _OPEN_BEFORE | {"on", "from", "between"}
_BEFORE_DATES = _BEFORE_YEARS | {"on", "of"}
_FUTURE_OR_HABIT = frozenset({"next", "every", "each", "coming"})
_BEFORE_NUMBERS_OF_THINGS = frozenset({"version", "release", "section", "chapter", "room", "page", "no", "number"})
_VERBS = frozenset({"may", "march", "mar"})
_PEOPLE = frozenset({"april", "may", "june", "august"})
# Months that are neither a person's name nor another word. With a capital they need no word before them.
_CLEAR_MONTHS = frozenset({"january", "february", "july", "september", "october", "november", "december"})
# A unit after a number makes it an amount: "in 2023 steps", "between 1950 and 2000 people".
_COUNTED = re.compile(
    r"(?: ?(?:-|to|and|or) ?[0-9]+)? (?:(?:milli)?seconds?|minutes?|hours?|days?|weeks?|months?|years?|times|people"
    r"|persons|users|words|steps|lines|pages|items|rows|miles|met(?:er|re)s|km|kg|euros?|dollars?|pounds?|percent|points|calories"
    r"|tokens|characters)\b"
)
_POSSESSIVE = re.compile("['\u2019\u02bc]s\\b")
_RANGE = re.compile(" ?(?:to|until|till|through|and|-|\u2013|\u2014) ")

# The text between the two ends of one period: "and", "to the end of".
_JOINS = re.compile(
    " ?(?:\\b(?:and|to|until|till|through|up to)\\b|[-\u2013\u2014]) ?(?:(?:in|on|of|the|early|mid|late)[ -]){0,2}"
)
_AND = re.compile(",? (?:and|but) ")
_YEARLY = frozenset({Kind.DATE, Kind.MONTH, Kind.SEASON})  # unless they name a year
_HAS_YEAR = re.compile("[0-9]{4}")
_NEARLY_A_YEAR = timedelta(days=364)


@dataclass(frozen=True)
class Period:
    """A half-open period.

    Attributes:
        start: The first moment, aware; None if the period has no beginning ("before May").
        end: The moment after the last one, aware; None if the period has no end ("since May").
        text: The words of the query that name it, with single blanks.
        any_year: Whether neither the words nor the time of the request fix a year: "in May" may mean any past May.
    """

    start: datetime | None
    end: datetime | None
    text: str
    any_year: bool = False


class _Expression(NamedTuple):
    """Words that may name a time.

    Attributes:
        kind: The form of the expression.
        words: The words in lower case.
        written: The words as the query has them.
        start: The place of the first character in the query.
        end: The place behind the last character.
        lead: The word before them that decides about their meaning, such as "in" or "since"; empty if there is none.
        lead_start: The place of that word; `start` if there is none.
    """

    kind: Kind
    words: str
    written: str
    start: int
    end: int
    lead: str
    lead_start: int

    @property
    def is_yearly(self) -> bool:
        return self.kind in _YEARLY and not _HAS_YEAR.search(self.words)


class _Part(NamedTuple):
    expression: _Expression
    span: Span


def find_period(query: str, now: datetime) -> Period | None:
    """Return the first period that a query names, or None.

    - "and", "to" and "until" join two expressions to one period, from the first to the last.
    - A day, weekday, month or season without a year is the latest one that has begun. "last Friday" has ended.
    - "last week" is Monday to Monday, "the past week" the days until today, "two weeks ago" that whole week.
    - Words are English. Digits are read in any language: 2023-05-07, 2023/5/7, 7.5.2023 (dots: day first), 5/7/2023
      (slashes: month first, unless it is above 12), 25-12-2023 (hyphens: only if the month is unambiguous).
    - Known mistakes: "in May" about a person, "since August came".
    - Times of day, holidays, the future ("next week", "tomorrow") and habits ("on Fridays") are ignored.

    Args:
        query: Any text.
        now: The time of the request; UTC if it is naive. Days begin in its time zone.
    """
    now = now if now.utcoffset() is not None else now.replace(tzinfo=UTC)
    text = " ".join(query.split())
    low = _lowered(text)
    parts: list[_Part] = []
    for expression in _expressions(text, low):
        joined = bool(parts) and _is_joined(low, parts[-1].expression, expression)
        if parts and not joined:
            break
        if not _names_time(expression, low, joined=joined):
            continue
        if span := read_span(expression.kind, expression.words, now, now):
            parts.append(_Part(expression, span))
    return _period(parts, text, now) if parts else None


def _lowered(text: str) -> str:
    """Return a text in lower case with the same length, so that places in both agree."""
    low = text.lower()
    if len(low) == len(text):
        return low
    # The Turkish capital I with a dot would become two characters, so it stays.
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _expressions(text: str, low: str) -> Iterator[_Expression]:
    if not _MAY_NAME_TIME.search(low):
        return
    for found in islice(_EXPRESSION.finditer(low), _MAX_EXPRESSIONS):
        start, end = found.span()
        lead = _LEAD.search(low, max(0, start - _LEAD_CHARS), start)
        yield _Expression(
            Kind(found.lastgroup or ""),
            found.group(),
            text[start:end],
            start,
            end,
            lead["word"] if lead else "",
            lead.start() if lead else start,
        )


def _names_time(expression: _Expression, low: str, *, joined: bool) -> bool:
    """Return whether an expression names a time, judged by the words around it.

    Args:
        expression: The expression.
        low: The query in lower case.
        joined: Whether the expression continues a period: "... and May".
    """
    words, lead = expression.words, expression.lead
    is_amount = _COUNTED.match(low, expression.end) is not None
    match expression.kind:
        case Kind.ISO | Kind.NUMERIC:
            names_time = lead not in _BEFORE_NUMBERS_OF_THINGS
        case Kind.DATE:
            clear = re.search("[0-9]{4}|[0-9](?:st|[nr]d|th)", words) is not None
            led = joined or lead in _BEFORE_DATES or not _is_verb(expression)
            names_time = clear or (led and not is_amount)
        case Kind.MONTH_OF_YEAR:
            names_time = not is_amount
        case Kind.RELATIVE:
            names_time = lead not in _FUTURE_OR_HABIT and not _is_verb(expression)
        case Kind.SEASON:
            names_time = joined or lead in _BEFORE_MONTHS or words[-1].isdigit()
        case Kind.WEEKDAY:
            names_time = joined or lead in _BEFORE_WEEKDAYS
        case Kind.MONTH:
            names_time = _month_names_time(expression, low, joined=joined)
        case Kind.YEAR:
            names_time = (joined or lead in _BEFORE_YEARS) and not is_amount
        case _:
            names_time = True
    return names_time


def _is_verb(expression: _Expression) -> bool:
    """Return whether the month of an expression may be a verb: "may" or "march" in lower case."""
    month = re.search(rf"\b{_MONTHS}\b", expression.words)
    return month is not None and month.group() in _VERBS and not expression.written[month.start()].isupper()


def _month_names_time(expression: _Expression, low: str, *, joined: bool) -> bool:
    month, lead = expression.words, expression.lead
    if lead in _FUTURE_OR_HABIT or _POSSESSIVE.match(low, expression.end):
        return False
    if joined or lead in _BEFORE_ANY_MONTH or (lead == "from" and _RANGE.match(low, expression.end)):
        return True
    has_capital = expression.written[0].isupper()
    if month in _VERBS | _PEOPLE:
        return has_capital and month not in _PEOPLE and lead in _BEFORE_MONTHS
    return lead in _BEFORE_MONTHS or (has_capital and month in _CLEAR_MONTHS)


def _is_joined(low: str, before: _Expression, expression: _Expression) -> bool:
    """Return whether an expression continues the one before: "and May 9", or "and before May 9" after "since May 3"."""
    if _JOINS.fullmatch(low, before.end, expression.start):
        return True
    opens = before.lead in _OPEN_AFTER and expression.lead in _OPEN_BEFORE
    return opens and _AND.fullmatch(low, before.end, expression.lead_start) is not None


def _period(parts: Sequence[_Part], text: str, now: datetime) -> Period:
    """Return the period of one expression, or of several joined ones."""
    (first, span), (last, _) = parts[0], parts[-1]
    start: datetime | None
    end: datetime | None
    if len(parts) > 1:
        spans = _joined_spans(parts, now)
        is_between = first.lead == "after" and last.lead in _OPEN_BEFORE
        start = spans[0].end if is_between else min(span.start for span in spans)
        end = spans[-1].start if last.lead == "before" else max(span.end for span in spans)
    elif first.lead in _OPEN_AFTER:
        start, end = span.end if first.lead == "after" else span.start, None
    elif first.lead in _OPEN_BEFORE:
        start, end = None, span.start if first.lead == "before" else span.end
    else:
        start, end = span
    any_year = all(part.expression.is_yearly for part in parts)
    return Period(start, end, text[first.lead_start : last.end], any_year)


def _joined_spans(parts: Sequence[_Part], now: datetime) -> list[Span]:
    """Return the spans of joined expressions. A missing year is the nearest one: "from May to July 2023"."""
    first, *between, last = parts
    start = read_span(first.expression.kind, first.expression.words, now, last.span.start) or first.span
    end = last.span
    has_year = first.expression.kind is not Kind.YEAR and _HAS_YEAR.search(first.expression.words) is not None
    if last.expression.kind in _YEARLY and (has_year or end.start < start.start):
        with contextlib.suppress(OverflowError):  # in the year 9999
            end = read_span(last.expression.kind, last.expression.words, now, start.start + _NEARLY_A_YEAR) or end
    return [start, *(part.span for part in between), end]
