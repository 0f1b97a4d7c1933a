"""Find in a query what may be a date or a period: each as its kind and its words.

The grammar is ours, and small, because what searches for dates by itself is eager and slow: dateparser 1.5's
`search_dates` takes "we" for a Wednesday and "a second" for a date, and needs 0.7 s for a query of 8,000 characters.
What is found here is read by python-dateutil (`spans`), which knows the calendar and never sees the rest of the query.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

# An adversary's query is full of "may"; a person's has two or three.
_MOST_EXPRESSIONS = 64


class Kind(StrEnum):
    """How a date or period is expressed."""

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


class Expression(NamedTuple):
    """Words that may say when.

    Attributes:
        kind: How they say it.
        words: Themselves, in lower case.
        written: Themselves, as written.
        start: Where they begin.
        end: Where they end, exclusive.
    """

    kind: Kind
    words: str
    written: str
    start: int
    end: int


MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAYS = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
SEASONS = "(?:spring|summer|autumn|fall|winter)"
UNITS = "(?:minute|hour|day|week|month|year)"
NUMBERS = (
    "(?:[0-9]{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    "|(?:a )?couple(?: of)?|(?:a )?few|several)"
)
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])(?:st|[nr]d|th)?"
_YEAR = "(?:19|20)[0-9]{2}"
_TO = r" ?(?:-|\u2013|\u2014|\bto\b|\band\b|\buntil\b|\btill\b|\bthrough\b) ?"
_OF_YEAR = "(?:,? (?:of )?[0-9]{4})"
_WEEKDAY_OF = rf"(?:{WEEKDAYS},? (?:the )?)?"
# Letters that a word may go on with. Those of other scripts may stand beside a date: Chinese has no spaces.
_LETTERS = r"0-9a-z_\u00df-\u024f\u0400-\u04ff"
# Numbers within other numbers, amounts and names of files are no dates.
_ALONE = r"(?<![.,:/$\u20ac\u00a3#+-])"
_END = rf"(?![{_LETTERS}/%-]|[.,:][0-9])"
_TIME = r"[t ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:z|[+-][0-2][0-9]:?[0-5][0-9])?"
_PATTERNS = {
    Kind.ISO: rf"{_ALONE}[0-9]{{4}}-[01][0-9](?:-[0-3][0-9](?:{_TIME})?)?{_END}",
    Kind.NUMERIC: rf"{_ALONE}(?:[0-9]{{4}}/[0-9]{{1,2}}/[0-9]{{1,2}}|[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{{4}}"
    rf"|[0-9]{{1,2}}/[0-9]{{1,2}}/(?:[0-9]{{4}}|[0-9]{{2}})|[0-9]{{1,2}}-[0-9]{{1,2}}-[0-9]{{4}}){_END}",
    # A second day that has its own month is the next date: "May 3 and 5 June".
    Kind.DATE: rf"(?<![.$\u20ac\u00a3#+-]){_WEEKDAY_OF}(?:{_DAY}(?:{_TO}{_DAY})?(?: of)? {MONTHS}\b\.?{_OF_YEAR}?"
    rf"|{MONTHS}\.? (?:the )?{_DAY}(?:{_TO}{_DAY}(?! (?:of )?{MONTHS}\b))?\b{_OF_YEAR}?){_END}",
    Kind.MONTH_OF_YEAR: rf"\b{MONTHS}\.?,? (?:of )?{_YEAR}{_END}",
    Kind.AGO: rf"\b{NUMBERS} {UNITS}s? ago\b",
    Kind.ROLLING: rf"\b(?:(?:last|past|previous) {NUMBERS} {UNITS}s?|(?:the last|past) (?:week|month|year))\b(?! of\b)",
    Kind.RELATIVE: r"\b(?:last|past|previous|this|this past)"
    rf" (?:week|month|year|weekend|{WEEKDAYS}|{MONTHS}|{SEASONS})\b(?! of\b)",
    Kind.WEEKEND: r"\b(?:the|on|at|over) weekend\b",
    Kind.DAY: r"\b(?:the day before yesterday|yesterday|today|tonight|last night|this (?:morning|afternoon|evening))\b",
    Kind.SEASON: rf"\b{SEASONS}(?: (?:of )?{_YEAR}{_END})?\b",
    Kind.WEEKDAY: rf"\b{WEEKDAYS}\b",
    Kind.MONTH: rf"\b{MONTHS}\b",
    Kind.YEAR: rf"{_ALONE}{_YEAR}(?: ?[-\u2013\u2014] ?{_YEAR})?{_END}",
}
_EXPRESSION = re.compile(
    rf"(?<![{_LETTERS}])(?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()) + ")"
)
# Without one of these a query says nothing of time; that is found out ten times as fast.
_SPEAKS_OF_TIME = re.compile(
    rf"[0-9]{{4}}|[0-9]/[0-9]|ago\b|yesterday|today|tonight|\b(?:last|this|past|previous|weekend)\b|{WEEKDAYS}"
    rf"|\b{MONTHS}\b|\b{SEASONS}\b"
)


def lowered(text: str) -> str:
    """Return a text in lower case with each character in its place."""
    low = text.lower()
    if len(low) == len(text):
        return low
    # The dotted capital I of Turkish becomes two characters.
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def expressions(text: str, low: str) -> Iterator[Expression]:
    """Yield what may be a date or period in a text, in order and without overlap.

    Args:
        text: A text with single blanks.
        low: The same text `lowered`.
    """
    if not _SPEAKS_OF_TIME.search(low):
        return
    for found in islice(_EXPRESSION.finditer(low), _MOST_EXPRESSIONS):
        start, end = found.span()
        yield Expression(Kind(found.lastgroup or ""), found.group(), text[start:end], start, end)
