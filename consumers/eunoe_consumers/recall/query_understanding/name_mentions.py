"""Find where the speakers' names are in a text."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from eunoe_consumers.recall.query_understanding.name_forms import NameForm, NameTree
from eunoe_consumers.recall.query_understanding.name_words import Word, unspaced, words
from eunoe_consumers.recall.query_understanding.words import BEFORE_MONTHS, MONTHS

# The typewriter's, the typographer's (right single quotation mark), the phonetician's, and the one of full width.
_APOSTROPHES = "'\u2019\u02bc\uff07"
_POSSESSIVE = re.compile(rf"[{_APOSTROPHES}][sS]\b")
# Between the words of a name: "Jane Doe", "Jean-Luc", "J. R. Doe", "Bob (Sales)", but not "Jane, Doe" or "Jane? Doe".
_WITHIN_NAME = re.compile(r"[^\w,;:?!\uff0c\uff1b\uff1a\uff1f\uff01\u3001\u3002]{0,3}")
# What is before the first word of a sentence: nothing, or the end of another.
_AFTER_SENTENCE = re.compile(r"(?:^|[.!?\u2026:\n][\"'\u201d\u2019)\]]?)\s{0,3}[^\w\s]{0,2}$")
_REACH = 8
_UNTIL = frozenset({"to", "until", "till", "through"})


class Mention(NamedTuple):
    """A name in a text.

    Attributes:
        start: Where it begins.
        end: Where it ends, exclusive, possessive ending included.
        speakers: Whom it means.
    """

    start: int
    end: int
    speakers: tuple[str, ...]


def mentions(text: str, names: NameTree) -> Iterator[Mention]:
    """Yield the names in a text, in order and without overlap."""
    found = words(text)
    place, ended = 0, 0
    while place < len(found):
        word = found[place]
        form = _longest(text, found, place, names) if word.folded in names.next and word.start >= ended else None
        if form is None:
            place += 1
            continue
        place += len(form.words)
        ended = _possessive_end(text, found[place - 1].end + len(form.after))
        start = word.start - len(form.before)
        if not form.before and text[max(0, start - 1) : start] == "@" and not _is_word(text, start - 2):
            start -= 1
        yield Mention(start, ended, form.speakers)


def _longest(text: str, found: Sequence[Word], place: int, names: NameTree) -> NameForm | None:
    """Return the longest form of a name that stands at a word."""
    candidates: list[NameForm] = []
    node = names.next[found[place].folded]
    for last in range(place + 1, len(found) + 1):
        candidates.extend(reversed(node.forms))
        following = node.next.get(found[last].folded) if last < len(found) else None
        if following is None or not _WITHIN_NAME.fullmatch(text, found[last - 1].end, found[last].start):
            break
        node = following
    return next((form for form in reversed(candidates) if _is_mention(text, found, place, form)), None)


def _is_mention(text: str, found: Sequence[Word], place: int, form: NameForm) -> bool:
    """Tell whether a form whose words stand at a place is a name there."""
    named = found[place : place + len(form.words)]
    start, end = named[0].start, named[-1].end
    if not text.endswith(form.before, 0, start) or not text.startswith(form.after, end):
        return False
    if unspaced(form.words[0]) or unspaced(form.words[-1]):
        return all(one.end == other.start for one, other in pairwise(named))
    if _is_joined(text, start - len(form.before), end + len(form.after)) or _is_month(text, found, place, form):
        return False
    if not form.spellings:
        return True
    if text[start:end] not in form.spellings:
        return False
    return _possessive_end(text, end) != end or not _AFTER_SENTENCE.search(text, max(0, start - _REACH), start)


def _is_joined(text: str, start: int, end: int) -> bool:
    """Tell whether a name is only a part of what is written there: "Mark-up", "rose@example.org", "example.grace"."""
    after, before = text[end : end + 2], text[max(0, start - 2) : start]
    if after[:1] in {"-", "@"} or (after[:1] == "." and after[1:].islower()):
        return after[1:].isalnum()
    if before[1:] in {"-", "@"} or (before[1:] == "." and text[start].islower()):
        return before[0].isalnum()
    return False


def _is_month(text: str, found: Sequence[Word], place: int, form: NameForm) -> bool:
    """Tell whether the name of a month is the month: after "in" or "last", or beside a number."""
    if len(form.words) > 1 or found[place].folded not in MONTHS:
        return False
    before = found[place - 1] if place else None
    after = found[place + 1] if place + 1 < len(found) else None
    if before and (before.folded in BEFORE_MONTHS or before.folded[0].isdigit()):
        return text[before.end : found[place].start].isspace()
    if after is not None and after.folded in _UNTIL:  # "from May to July", but not "a letter from May"
        return before is not None and before.folded == "from"
    return after is not None and after.folded[0].isdigit() and not text[found[place].end : after.start].strip(" .,")


def _possessive_end(text: str, end: int) -> int:
    """Return where a name ends that may be followed by 's, or by an apostrophe alone if its own last letter is an s."""
    if found := _POSSESSIVE.match(text, end):
        return found.end()
    if text[end : end + 1] and text[end] in _APOSTROPHES and text[end - 1] in "sSxXzZ" and not _is_word(text, end + 1):
        return end + 1
    return end


def _is_word(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isalnum()
