"""Find the period that a query names: "last week", "between May 3 and May 9", "since March", "7.5.2023".

The grammar is small on purpose. Libraries that search for dates are eager and slow: dateparser 1.5's `search_dates`
takes "we" for a Wednesday and "a second" for a date, and needs 0.7 s for a query of 8,000 characters.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from eunoe_consumers.recall.calendar_spans import Span
from eunoe_consumers.recall.date_patterns import (
    DAY,
    EXPRESSION,
    HOLIDAYS,
    MAY_NAME_TIME,
    MONTHS,
    NUMBERS,
    SEASONS,
    WEEKDAYS,
)
from eunoe_consumers.recall.date_words import in_english
from eunoe_consumers.recall.span_modifiers import beside, part_of, with_year
from eunoe_consumers.recall.spans import Kind, other_reading, read_span

# An attacker may write a query full of "may". A person's query has two or three expressions.
_MAX_EXPRESSIONS = 64

# The words before an expression decide whether it names a time: "in May" does, "May I" and "room 2023" do not.
_PART_OF = r"(?:start|beginning|middle|end) of"
_LEAD = re.compile(
    r"(?<![\w-])(?P<word>in|on|at|of|since|during|over|before|after|until|till|by|up to|from|between|next|every|each"
    rf"|coming|version|release|section|chapter|room|page|no|number|throughout|around|as of|starting"
    rf"|{_PART_OF}|early|late|mid)"
    rf"\.?[ -](?:(?:the|year|from|all|whole(?: of)?|an?|about|around|early|late|mid|{_PART_OF})[ -]){{0,3}}$"
)
_LEAD_CHARS = 40  # the length of the longest lead: "between about the beginning of "
# The part of a month or year: "at the end of May", "mid-June".
_PART = re.compile(rf"(?<!\w)(?P<part>{_PART_OF}|(?:early|late)(?: in)?|mid)[ -](?:the[ -])?$")
# The span before or after a date: "three days before Christmas", "the week after 3 May", "the week of 3 May".
_OFFSET = re.compile(rf"(?<!\w)(?:{NUMBERS}|the) (?:day|week|weekend|month|year|{WEEKDAYS})s? $")
_OFFSET_CHARS = 30
_OFFSET_LEADS = frozenset({"before", "after", "of"})
_OPEN_AFTER = frozenset({"since", "after", "as of", "starting"})
_OPEN_BEFORE = frozenset({"before", "until", "till", "by", "up to"})
# After these words even "may" and "march" are months. After "by" they may be verbs.
_BEFORE_ANY_MONTH = frozenset(
    {
        "in",
        "since",
        "during",
        "throughout",
        "around",
        "as of",
        "starting",
        "before",
        "after",
        "until",
        "till",
        "up to",
        "between",
        "early",
        "late",
        "mid",
    }
    | {f"{part} of" for part in ("start", "beginning", "middle", "end")}
)
_BEFORE_YEARS = _BEFORE_ANY_MONTH | {"from", "by"}
_BEFORE_MONTHS = _BEFORE_YEARS | {"of", "over"}
_BEFORE_WEEKDAYS = _OPEN_AFTER | _OPEN_BEFORE | {"on", "from", "between"}
_BEFORE_DATES = _BEFORE_YEARS | {"on", "of"}
_BEFORE_HOLIDAYS = _BEFORE_YEARS | {"at", "on", "of", "over"}
_FUTURE_OR_HABIT = frozenset({"next", "every", "each", "coming"})
_BEFORE_SHORT_DATES = _OPEN_AFTER | _OPEN_BEFORE | {"on", "from", "between", "around"}
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
_TO_MONTH = re.compile(rf"(?:[-\u2013\u2014/]| (?:to|until|through|-|\u2013) ){MONTHS}\b")
_RANGE = re.compile(" ?(?:to|until|till|through|and|-|\u2013|\u2014) ")

# The text between the two ends of one period: "and", "to the end of".
_JOINS = re.compile(
    " ?(?:\\b(?:and|or|to|until|till|through|up to)\\b|[-\u2013\u2014]) ?(?:(?:in|on|of|the|early|mid|late)[ -]){0,2}"
)
_ONWARDS = re.compile(r" on(?:wards?\b|(?=[.,;:?!]|$))", re.IGNORECASE)  # "from 3 May on"
_AND = re.compile(",? (?:and|but) ")
_LIST = re.compile(" (?:and|or) ", re.IGNORECASE)  # "on 3 May and 9 June" are two days
_BEFORE_RANGES = _OPEN_AFTER | {"between", "from"}
_YEARLY = frozenset({Kind.DATE, Kind.MONTH, Kind.SEASON, Kind.HOLIDAY, Kind.PART_OF, Kind.QUARTER})  # without a year
_OF_A_YEAR = _YEARLY | {Kind.MONTH_OF_YEAR}  # these may be followed by "last year"
_FIXES_YEAR = re.compile(r"[0-9]{4}|\b(?:last|this|past) (?!\w+ (?:of|in) )")
# A longer query, or one with more periods, is a pasted text. Its dates are not those of a question.
_MAX_CHARS = 2_000
_MAX_PERIODS = 3
# "last year in May" is read as "in May last year".
_YEAR_FIRST = re.compile(
    rf"\b(the year before last|{NUMBERS} years? ago|last year|this year),?"
    rf" ((?:in|on|at|around|during|over) (?:the |early |late |mid[ -]){{0,2}}(?:{DAY}(?: of)? )?"
    rf"(?:{MONTHS}|{SEASONS}|{HOLIDAYS})\b(?: {DAY}\b)?)",
    re.IGNORECASE,
)
_HAS_YEAR = re.compile("[0-9]{4}")
_NEARLY_A_YEAR = timedelta(days=364)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Period:
    """A half-open period.

    Attributes:
        start: The first moment, aware; None if the period has no beginning ("before May").
        end: The moment after the last one, aware; None if the period has no end ("since May").
        text: The words of the query that name it, with single blanks and in English.
        any_year: Whether neither the words nor the time of the request fix a year: "in May" may mean any past May.
        others: Further spans that the query names as well, or the other reading of an ambiguous date.
        rest: The query without the words that name a period.
    """

    start: datetime | None
    end: datetime | None
    text: str
    any_year: bool = False
    others: tuple[Span, ...] = ()
    rest: str = field(default="", compare=False)


class _Expression(NamedTuple):
    """Words that may name a time.

    Attributes:
        kind: The form of the expression.
        words: The words in lower case. "Last year" and the like are replaced by the year.
        written: The words as the query has them.
        start: The place of the first character in the query.
        end: The place behind the last character.
        lead: The word before them that decides about their meaning, such as "in" or "since"; empty if there is none.
        lead_start: The place of that word; `start` if there is none.
        part: The part of a month or year, such as "end of"; empty for the whole.
        offset: What is before or after the expression, such as "three days"; empty if it is the expression itself.
    """

    kind: Kind
    words: str
    written: str
    start: int
    end: int
    lead: str
    lead_start: int
    part: str = ""
    offset: str = ""

    @property
    def is_yearly(self) -> bool:
        return self.kind in _YEARLY and not _FIXES_YEAR.search(self.words)

    def read(self, now: datetime, latest: datetime) -> Span | None:
        """Return the span that the expression means; None if the calendar has no such span."""
        span = read_span(self.kind, self.words, now, latest)
        if span is None:
            return None
        if self.part:
            span = part_of(span, self.part)
        try:
            return beside(span, self.offset, self.lead) if self.offset else span
        except (ValueError, OverflowError):  # "9999 years before"
            return None


class _Part(NamedTuple):
    expression: _Expression
    span: Span


def find_period(query: str, now: datetime) -> Period | None:
    """Return the period that a query names, or None.

    - "and", "to" and "until" join two expressions to one period, from the first to the last.
    - A day, weekday, month or season without a year is the latest one that has begun. "last Friday" has ended.
    - "last week" is Monday to Monday, "the past week" the days until today, "two weeks ago" that whole week.
    - Words are English, or the common ones of other languages (`date_words.py`). Digits are read in any language:
      2023-05-07, 2023/5/7, 7.5.2023 (dots: day first), 5/7/2023 (slashes: month first, and the other reading as well),
      25-12-2023 (hyphens: only if the month is unambiguous).
    - Up to three separate periods are all meant. A text with more of them, or with more than 2,000 characters, names
      none.
    - Known mistakes: "in May" about a person, "since August came".
    - Times of day, the future ("next week", "tomorrow") and habits ("on Fridays") are ignored.

    Args:
        query: Any text.
        now: The time of the request; UTC if it is naive. Days begin in its time zone.
    """
    if len(query) > _MAX_CHARS:
        return None
    now = now if now.utcoffset() is not None else now.replace(tzinfo=UTC)
    text = _YEAR_FIRST.sub(r"\2 \1", in_english(" ".join(query.split())))
    low = _lowered(text)
    found: list[list[_Part]] = []
    for expression in _expressions(text, low, now):
        joined = bool(found) and _is_joined(low, found[-1][-1].expression, expression)
        if not _names_time(expression, low, joined=joined):
            continue
        if span := expression.read(now, now):
            if joined:
                found[-1].append(_Part(expression, span))
            else:
                found.append([_Part(expression, span)])
    if not 0 < len(found) <= _MAX_PERIODS:
        return None
    periods = [_period(parts, text, now) for parts in found]
    others = [span for period in periods for span in period.others]
    others += [Span(period.start or _FIRST, period.end or _LAST) for period in periods[1:]]
    rest = text
    for period in periods:
        rest = rest.replace(period.text, " ", 1)
    return replace(
        periods[0],
        any_year=all(period.any_year for period in periods),
        others=tuple(others),
        rest=" ".join(rest.split()),
    )


def _lowered(text: str) -> str:
    """Return a text in lower case with the same length, so that places in both agree."""
    low = text.lower()
    if len(low) == len(text):
        return low
    # The Turkish capital I with a dot would become two characters, so it stays.
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _expressions(text: str, low: str, now: datetime) -> Iterator[_Expression]:
    if not MAY_NAME_TIME.search(low):
        return
    for found in islice(EXPRESSION.finditer(low), _MAX_EXPRESSIONS):
        start, end = found.span()
        kind = Kind(found.lastgroup or "")
        lead = _LEAD.search(low, max(0, start - _LEAD_CHARS), start)
        part = _PART.search(low, max(0, start - _LEAD_CHARS), start)
        word, lead_start = (lead["word"], lead.start()) if lead else ("", start)
        if part and word == "at":
            word = part["part"]
        offset = None
        if word in _OFFSET_LEADS:
            offset = _OFFSET.search(low, max(0, lead_start - _OFFSET_CHARS), lead_start)
        yield _Expression(
            kind,
            with_year(found.group(), now) if kind in _OF_A_YEAR else found.group(),
            text[start:end],
            start,
            end,
            word,
            offset.start() if offset else lead_start,
            part["part"] if part else "",
            offset.group().strip() if offset else "",
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
            short = re.fullmatch(r"[0-9.]*\.[0-9]{2}", words)  # 3.11.12 may be a version
            names_time = lead in _BEFORE_SHORT_DATES if short else lead not in _BEFORE_NUMBERS_OF_THINGS
        case Kind.HOLIDAY | Kind.QUARTER:
            led = joined or lead in _BEFORE_HOLIDAYS or not expression.is_yearly
            names_time = led and lead not in _FUTURE_OR_HABIT
        case Kind.DATE:
            clear = re.search("[0-9]{4}|[0-9](?:st|[nr]d|th)", words) is not None
            led = joined or lead in _BEFORE_DATES or not _is_verb(expression)
            names_time = clear or (led and not is_amount)
        case Kind.MONTH_OF_YEAR:
            clear = expression.written[-1].isdigit() or lead in _BEFORE_ANY_MONTH
            names_time = not is_amount and (clear or not _is_verb(expression))
        case Kind.RELATIVE | Kind.BEFORE_LAST:
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
    month = re.search(rf"\b{MONTHS}\b", expression.words)
    return month is not None and month.group() in _VERBS and not expression.written[month.start()].isupper()


def _month_names_time(expression: _Expression, low: str, *, joined: bool) -> bool:
    month, lead = expression.words, expression.lead
    if lead in _FUTURE_OR_HABIT or _POSSESSIVE.match(low, expression.end):
        return False
    if joined or lead in _BEFORE_ANY_MONTH or (lead == "from" and _RANGE.match(low, expression.end)):
        return True
    has_capital = expression.written[0].isupper()
    if has_capital and _TO_MONTH.match(low, expression.end):
        return True
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
    is_list = len(parts) > 1 and first.lead not in _BEFORE_RANGES and _LIST.match(text, first.end) is not None
    start: datetime | None
    end: datetime | None
    others: tuple[Span, ...] = ()
    if is_list:
        (start, end), *rest = _joined_spans(parts, now)
        others = tuple(rest)
    elif len(parts) > 1:
        spans = _joined_spans(parts, now)
        is_between = first.lead == "after" and last.lead in _OPEN_BEFORE
        start = spans[0].end if is_between else min(span.start for span in spans)
        end = spans[-1].start if last.lead == "before" else max(span.end for span in spans)
    elif first.offset:
        start, end = span
    elif first.lead == "from" and _ONWARDS.match(text, last.end):
        start, end = span.start, None
    elif first.lead in _OPEN_AFTER:
        start, end = span.end if first.lead == "after" else span.start, None
    elif first.lead in _OPEN_BEFORE:
        start, end = None, span.start if first.lead == "before" and not first.part else span.end
    else:
        start, end = span
        if first.kind is Kind.NUMERIC and (other := other_reading(first.words, now)):
            others = (other,)
    any_year = all(part.expression.is_yearly for part in parts)
    return Period(start, end, text[first.lead_start : last.end], any_year, others)


def _joined_spans(parts: Sequence[_Part], now: datetime) -> list[Span]:
    """Return the spans of joined expressions. A missing year is the nearest one: "from May to July 2023"."""
    first, *between, last = parts
    start = first.expression.read(now, last.span.start) or first.span
    end = last.span
    has_year = first.expression.kind is not Kind.YEAR and _HAS_YEAR.search(first.expression.words) is not None
    if last.expression.kind in _YEARLY and (has_year or end.start < start.start):
        with contextlib.suppress(OverflowError):  # in the year 9999
            end = last.expression.read(now, start.start + _NEARLY_A_YEAR) or end
    return [start, *(part.span for part in between), end]
