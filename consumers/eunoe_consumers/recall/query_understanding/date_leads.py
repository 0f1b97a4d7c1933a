"""Tell by the words around it whether an expression says when: "in May" does, "May I" and "room 2023" do not."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from eunoe_consumers.recall.query_understanding.date_expressions import MONTHS, Expression, Kind

_PART: Final = r"(?:start|beginning|middle|end) of"
_LEAD: Final = re.compile(
    r"(?<!\w)(?P<word>in|on|at|of|since|during|over|before|after|until|till|by|up to|from|between|next|every|each"
    rf"|coming|version|release|section|chapter|room|page|no|number|{_PART}|early|late|mid)"
    rf"\.?[ -](?:(?:the|an?|about|around|early|late|mid|{_PART})[ -]){{0,3}}$"
)
# As far as the longest lead reaches: "between about the beginning of ".
_REACH: Final = 40
_AT_ALL: Final = frozenset({"start of", "beginning of", "middle of", "end of", "early", "late", "mid"})
# Said of time alone before a month, and in lower case: "in may", but not "last may" or "by may".
_OF_TIME: Final = frozenset({"in", "since", "during", "before", "after", "until", "till", "up to", "between"}) | _AT_ALL
_BEFORE_YEARS: Final = _OF_TIME | {"from", "by"}
_BEFORE_MONTHS: Final = _BEFORE_YEARS | {"of", "over"}
_BEFORE_WEEKDAYS: Final = frozenset(
    {"on", "since", "before", "after", "until", "till", "up to", "by", "from", "between"}
)
_BEFORE_DATES: Final = _BEFORE_YEARS | {"on", "of"}
_TO_COME: Final = frozenset({"next", "every", "each", "coming"})
_OF_THINGS: Final = frozenset({"version", "release", "section", "chapter", "room", "page", "no", "number"})

_VERBS: Final = frozenset({"may", "march", "mar"})
_PEOPLE: Final = frozenset({"april", "may", "june", "august"})
# Nobody's name and nothing else: with a capital they need no lead.
_CLEAR_MONTHS: Final = frozenset({"january", "february", "july", "september", "october", "november", "december"})
# What a number before it counts: "in 2023 steps", "between 1950 and 2000 people".
_COUNTED: Final = re.compile(
    r"(?: ?(?:-|to|and|or) ?[0-9]+)? (?:(?:milli)?seconds?|minutes?|hours?|days?|weeks?|months?|years?|times|people"
    r"|persons|users|words|steps|lines|pages|items|rows|miles|met(?:er|re)s|km|kg|euros?|dollars?|pounds?|percent|points|calories"
    r"|tokens|characters)\b"
)
_POSSESSIVE: Final = re.compile("['\u2019\u02bc]s\\b")
_RANGE: Final = re.compile(" ?(?:to|until|till|through|and|-|\u2013|\u2014) ")


class Lead(NamedTuple):
    """The word that leads to an expression.

    Attributes:
        word: The word, in lower case; empty if there is none.
        start: Where it begins, or the expression if there is none.
    """

    word: str
    start: int


class _Place(NamedTuple):
    """An expression where it stands."""

    expression: Expression
    low: str
    lead: str
    joined: bool

    @property
    def is_counted(self) -> bool:
        return _COUNTED.match(self.low, self.expression.end) is not None


def lead(expression: Expression, low: str) -> Lead:
    """Return the word that leads to an expression in a text in lower case."""
    found = _LEAD.search(low, max(0, expression.start - _REACH), expression.start)
    return Lead(found["word"], found.start()) if found else Lead("", expression.start)


def says_when(expression: Expression, low: str, lead_word: str, *, joined: bool) -> bool:
    """Tell whether an expression in a text in lower case says when; `joined` to another that does ("... and May")."""
    tells = _TELLS.get(expression.kind)
    return tells is None or tells(_Place(expression, low, lead_word, joined))


def _number_tells(place: _Place) -> bool:
    return place.lead not in _OF_THINGS


def _date_tells(place: _Place) -> bool:
    clear = re.search("[0-9]{4}|[0-9](?:st|[nr]d|th)", place.expression.words) is not None
    return clear or ((_is_no_verb(place) or place.lead in _BEFORE_DATES or place.joined) and not place.is_counted)


def _month_of_year_tells(place: _Place) -> bool:
    return not place.is_counted


def _relative_tells(place: _Place) -> bool:
    return place.lead not in _TO_COME and _is_no_verb(place)


def _is_no_verb(place: _Place) -> bool:
    """Tell whether the month of an expression, if any, is written as one."""
    month = re.search(rf"\b{MONTHS}\b", place.expression.words)
    return month is None or month.group() not in _VERBS or place.expression.written[month.start()].isupper()


def _season_tells(place: _Place) -> bool:
    return place.joined or place.lead in _BEFORE_MONTHS or place.expression.words[-1].isdigit()


def _weekday_tells(place: _Place) -> bool:
    return place.joined or place.lead in _BEFORE_WEEKDAYS


def _month_tells(place: _Place) -> bool:
    month = place.expression.words
    if place.lead in _TO_COME or _POSSESSIVE.match(place.low, place.expression.end):
        return False
    if place.joined or place.lead in _OF_TIME:
        return True
    if place.lead == "from" and _RANGE.match(place.low, place.expression.end):
        return True
    capital = place.expression.written[0].isupper()
    if month in _VERBS | _PEOPLE:
        return capital and month not in _PEOPLE and place.lead in _BEFORE_MONTHS
    return place.lead in _BEFORE_MONTHS or (capital and month in _CLEAR_MONTHS)


def _year_tells(place: _Place) -> bool:
    return (place.joined or place.lead in _BEFORE_YEARS) and not place.is_counted


_TELLS: Final[Mapping[Kind, Callable[[_Place], bool]]] = {
    Kind.ISO: _number_tells,
    Kind.NUMERIC: _number_tells,
    Kind.DATE: _date_tells,
    Kind.MONTH_OF_YEAR: _month_of_year_tells,
    Kind.RELATIVE: _relative_tells,
    Kind.SEASON: _season_tells,
    Kind.WEEKDAY: _weekday_tells,
    Kind.MONTH: _month_tells,
    Kind.YEAR: _year_tells,
}
