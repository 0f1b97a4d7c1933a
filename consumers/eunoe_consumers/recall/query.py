"""Understand a query without a language model: the text to search for, the named speakers, and the named period."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from eunoe_consumers.recall.date_words import NO_TOPIC
from eunoe_consumers.recall.dates import Period, find_period
from eunoe_consumers.recall.names import Mention, find_names
from eunoe_consumers.recall.ranking.fusion import RankingQuery
from eunoe_consumers.recall.ranking.named_period import NamedPeriod
from eunoe_consumers.recall.words import STOP_WORDS, folded_words, word_set

# Words that name no topic beside a period: "Show me all that we talked about in our chat on 3 May".
_NO_TOPIC = (
    STOP_WORDS
    | NO_TOPIC
    | word_set("""
    anybody anyone anything around ask asked back chat chats chatted conversation conversations discuss discussed
    discussion entries entry everything exactly find gave give go going got happen happened happening happens hear heard
    hello hey hi know last let list look mention mentioned message messaged messages note notes ok okay one ones
    previously recall remember remind repeat saying see send sent show something speak spoke spoken summarise summarised
    summarize summarized summary talk talked talking telling text texted thank thanks thing things want wanted went
    whole write writing written wrote
    afternoon am another date dates day days earlier early eve evening first late later mid month months morning night
    noon onwards period pm sometime starting time today tonight week weekend weeks year years yesterday
""")
)

# Words or signs that join two names and mean nothing without them: "Jane and John".
_JOINS = re.compile(r"\s{0,3}(?:[,/&\u2013\u2014-]|,?\s{1,3}(?:and|or)|,?\s{1,3}&)\s{0,3}", re.IGNORECASE)
_CLOSING = {
    "(": ")",
    "[": "]",
    "{": "}",
    '"': '"',
    "'": "'",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u00ab": "\u00bb",
}
_OPENING = frozenset("([{\u201c\u2018\u00ab")
# Signs to remove where the text before them, or the text after them, is gone.
_AFTER_NOTHING = " \t\n,;:.!?/&\u2026\u2013\u2014-"
_BEFORE_NOTHING = " \t\n,;:/&\u2013\u2014-"
_CLOSING_MARKS = frozenset(",;:.!?\u2026)]}\u201d\u00bb")


class NamedQuery(NamedTuple):
    """A query without its names.

    Attributes:
        text: The text to embed.
        named: The speakers that the query names, in the order of their first mention.
    """

    text: str
    named: tuple[str, ...]


def understand(
    query: str,
    users: frozenset[str],
    asked_at: datetime,
    *,
    assistants: frozenset[str] = frozenset(),
    words: Collection[Mention] = (),
) -> tuple[str, RankingQuery]:
    """Return the text to search for, and the query for the ranking.

    Args:
        query: The query of the request.
        users: The display names of the scope's users.
        asked_at: The time that "last week" refers to.
        assistants: The display names of its assistants.
        words: Mentions that are words in this scope: see name_uses.py.
    """
    stripped = strip_names(query, users, assistants, words)
    period = find_period(query, asked_at)
    return stripped.text, RankingQuery(
        text=query,
        speakers=users | assistants,
        assistants=assistants,
        named=frozenset(stripped.named),
        period=None if period is None else NamedPeriod.of(period, is_all=_is_all(period, stripped.named)),
    )


def _is_all(period: Period, named: Collection[str]) -> bool:
    """Return whether a query names a period, perhaps a person, and no topic."""
    people = {word for name in named for word in folded_words(name)}
    return all(word in _NO_TOPIC or word in people or word.isdecimal() for word in folded_words(period.rest))


def strip_names(
    query: str, users: Collection[str], assistants: Collection[str] = (), words: Collection[Mention] = ()
) -> NamedQuery:
    """Remove the names of a scope's speakers. A name selects the turns of a speaker, and says nothing about a topic.

    In the embedded text, a name would attract turns that mention the person, and hardly any turn by the person.

    - Whole words are compared, without case and encoding. The longest form of a name wins.
    - A first or last name counts if only one speaker has it.
    - A name that is an everyday word ("Will", "May", "Mark") counts if it is written as the speaker writes it and does
      not begin a sentence. "user" and "assistant" are not names.
    - A first or last name in lower case is a word. An assistant has one name: its display name. One of several
      words is a name only where it is addressed.
    - "@name" always names its speaker. An assistant that is addressed ("Rose, what did I say?") is not asked about.
    - Known mistakes: two people with one name, a stranger with a speaker's name, and nicknames.

    Args:
        query: Any text.
        users: Display names of users, in any order.
        assistants: Display names of assistants.
        words: Mentions that are words in this scope.

    Returns:
        The text without the names, and the named speakers. The text is unchanged if it names no speaker, or if only
        stop words would be left.
    """
    mentions = [mention for mention in find_names(query, users, assistants) if mention not in words]
    if not mentions:
        return NamedQuery(query, ())
    asked_about = [
        mention for mention in mentions if not (mention.is_address and set(mention.speakers) <= set(assistants))
    ]
    named = tuple(dict.fromkeys(speaker for mention in asked_about for speaker in mention.speakers))
    left = _without(query, [(mention.start, mention.end) for mention in mentions])
    return NamedQuery(query if STOP_WORDS.issuperset(folded_words(left)) else left, named)


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Remove spans, given in order, from a text.

    Also remove their traces: doubled white space, empty brackets and quotation marks, punctuation that separates
    nothing any more, and the "and" between two spans.
    """
    left, at = "", 0
    for place, (start, end) in enumerate(spans):
        piece = text[at:start]
        if place == 0:
            left = piece
        elif not _JOINS.fullmatch(piece):
            left = _joined(left, piece)
        at = end
    return _joined(left, text[at:])


def _joined(left: str, right: str) -> str:
    """Join two texts after something between them was removed."""
    left, right = left.rstrip(), right.lstrip()
    while left and right and _CLOSING.get(left[-1]) == right[0]:
        left, right = left[:-1].rstrip(), right[1:].lstrip()
    if not left.strip(_AFTER_NOTHING):
        return right.lstrip(_AFTER_NOTHING)
    if left[-1] in _OPENING:
        return left + right.lstrip(_AFTER_NOTHING)
    if not right or right[0] in _CLOSING_MARKS:
        return left.rstrip(_BEFORE_NOTHING) + right
    return f"{left} {right}"
