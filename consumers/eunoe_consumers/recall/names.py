"""Find the names of a scope's speakers in a query.

A speaker may be named in several forms: the full name, the name without its title, the first or the last name alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from eunoe_consumers.recall.words import (
    BEFORE_MONTHS,
    MONTHS,
    ORDINARY_NAMES,
    ROLES,
    STOP_WORDS,
    TITLES,
    Word,
    folded_words,
    is_unspaced,
    words_of,
)

# A first or last name with fewer letters is more likely another word.
_MIN_PART_LETTERS = 3
# A name of digits must be as long as a telephone number. A shorter number may be any number.
_MIN_DIGITS = 5
_DECORATION = " \t.,'\u2019\""
# A display name has at most 256 characters. These bounds keep its forms few.
_MAX_WORDS = 32
_MAX_PARTS = 8
# A set of 200 speakers takes about half a megabyte.
_CACHED_SPEAKER_SETS = 64
_EVERYDAY = ORDINARY_NAMES | STOP_WORDS | ROLES
# Will and Don are names, although they are stop words.
_NEVER_NAMES = ROLES | TITLES | (STOP_WORDS - ORDINARY_NAMES)

_APOSTROPHES = "'\u2019\u02bc\uff07"  # typewriter, typographic, phonetic, full-width
_POSSESSIVE = re.compile(rf"[{_APOSTROPHES}][sS]\b")
# Between the words of a name: "Jane Doe", "Jean-Luc", "J. R. Doe", "Bob (Sales)", but not "Jane, Doe" or "Jane? Doe".
_WITHIN_NAME = re.compile(r"[^\w,;:?!\uff0c\uff1b\uff1a\uff1f\uff01\u3001\u3002]{0,3}")
# The text before the first word of a sentence. That word has a capital, whether it is a name or not.
_AFTER_SENTENCE = re.compile(r"(?:^|[.!?\u2026:\n][\"'\u201d\u2019)\]]?)\s{0,3}[^\w\s]{0,2}$")
_AFTER_SENTENCE_CHARS = 8
_UNTIL = frozenset({"to", "until", "till", "through"})


class Mention(NamedTuple):
    """A name in a text.

    Attributes:
        start: The place of the first character.
        end: The place behind the name and its possessive ending.
        speakers: The display names of the named speakers.
    """

    start: int
    end: int
    speakers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of a name.

    Attributes:
        words: The folded words.
        speakers: The speakers with this form; several if their names differ in case alone.
        before: The symbols before the words, "@" in "@jane".
        after: The symbols after the words, "++" in "C++".
        spellings: The spellings in which an everyday word is a name; empty if every spelling is one.
    """

    words: tuple[str, ...]
    speakers: tuple[str, ...]
    before: str = ""
    after: str = ""
    spellings: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Tree:
    """A prefix tree of forms by their words. One walk compares a text with all forms.

    Attributes:
        forms: The forms that end here, those with the most symbols first.
        next: The subtree of each next word.
    """

    forms: list[_Form] = field(default_factory=list[_Form])
    next: "dict[str, _Tree]" = field(default_factory=dict[str, "_Tree"])


def find_names(text: str, speakers: Iterable[str]) -> Iterator[Mention]:
    """Yield the speakers' names in a text, in order and without overlap."""
    tree = _tree(frozenset(speakers))
    words = words_of(text)
    place, ended = 0, 0
    while place < len(words):
        word = words[place]
        form = _longest_form(text, words, place, tree) if word.folded in tree.next and word.start >= ended else None
        if form is None:
            place += 1
            continue
        place += len(form.words)
        ended = _possessive_end(text, words[place - 1].end + len(form.after))
        start = word.start - len(form.before)
        if not form.before and text[max(0, start - 1) : start] == "@" and not _is_word(text, start - 2):
            start -= 1
        yield Mention(start, ended, form.speakers)


@lru_cache(maxsize=_CACHED_SPEAKER_SETS)
def _tree(speakers: frozenset[str]) -> _Tree:
    root = _Tree()
    for form in sorted(_forms(speakers), key=lambda form: len(form.before + form.after), reverse=True):
        node = root
        for word in form.words:
            node = node.next.setdefault(word, _Tree())
        node.forms.append(form)
    return root


def _forms(speakers: frozenset[str]) -> list[_Form]:
    """Return all unambiguous forms of the speakers' names."""
    full_names: defaultdict[tuple[tuple[str, ...], str, str], list[str]] = defaultdict(list)
    short_names: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    spellings: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for speaker in sorted(speakers):
        name = speaker.strip(_DECORATION)
        words = words_of(name)
        if not words:
            continue
        full = tuple(word.folded for word in words)
        if _is_name(full):
            full_names[full, name[: words[0].start], name[words[-1].end :]].append(speaker)
            spellings[full].add(name[words[0].start : words[-1].end])
        for short, spelling in _short_names(name):
            short_names[short].add(speaker)
            spellings[short].add(spelling)
    forms = [
        _Form(full, tuple(named), before, after, _required_spellings(full, spellings[full]))
        for (full, before, after), named in full_names.items()
    ]
    undecorated = {form.words for form in forms if not form.before and not form.after}
    forms += [
        _Form(short, tuple(named), spellings=_required_spellings(short, spellings[short]))
        for short, named in short_names.items()
        if len(named) == 1 and short not in undecorated
    ]
    return forms


def _is_name(words: tuple[str, ...]) -> bool:
    """Return whether a full name can be searched for. A role, "I", a short number or a single character cannot."""
    if len(words) > _MAX_WORDS or (len(words) == 1 and (words[0] in ROLES or words[0] == "i" or is_unspaced(words[0]))):
        return False
    letters = "".join(words)
    return any(letter.isalpha() for letter in letters) or len(letters) >= _MIN_DIGITS


def _short_names(name: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the short forms of a name, folded and as written: first names, last names, "Dr. Doe"."""
    parts = name.split()[:_MAX_PARTS]
    written = [part.strip(_DECORATION) for part in parts]
    folded = [folded_words(part) for part in parts]
    titled = [len(part) == 1 and part[0] in TITLES for part in folded]
    first = next((place for place, title in enumerate(titled) if not title), len(parts))
    last = len(parts) - next((place for place, title in enumerate(reversed(titled)) if not title), 0)
    spans = {(first, end) for end in range(first + 1, last + 1)} | {(start, last) for start in range(first, last)}
    for start, end in sorted(spans):
        short = sum(folded[start:end], ())
        letters = "".join(short)
        if (
            len(short) <= _MAX_WORDS
            and len(letters) >= _MIN_PART_LETTERS
            and any(letter.isalpha() for letter in letters)
            and not all(word in _NEVER_NAMES for word in short)
        ):
            yield short, " ".join(written[start:end])
            if start and end == last:
                yield sum(folded[:first], ()) + short, " ".join((*written[:first], *written[start:end]))


def _required_spellings(form: tuple[str, ...], spellings: set[str]) -> frozenset[str]:
    """Return the spellings in which an everyday word is a name: the speaker's own and the word with a capital."""
    word, *others = form
    if others or (len(word) > 1 and word not in _EVERYDAY):
        return frozenset()
    bare = {re.sub(r"^\W+|\W+$", "", spelling) for spelling in spellings}
    return frozenset({spelling for spelling in bare if spelling[:1].isupper()} | {word.capitalize() for word in bare})


def _longest_form(text: str, words: Sequence[Word], place: int, tree: _Tree) -> _Form | None:
    """Return the longest form that begins at a word and is a name there; None if there is none."""
    candidates: list[_Form] = []
    node = tree.next[words[place].folded]
    for last in range(place + 1, len(words) + 1):
        candidates.extend(reversed(node.forms))
        following = node.next.get(words[last].folded) if last < len(words) else None
        if following is None or not _WITHIN_NAME.fullmatch(text, words[last - 1].end, words[last].start):
            break
        node = following
    return next((form for form in reversed(candidates) if _is_mention(text, words, place, form)), None)


def _is_mention(text: str, words: Sequence[Word], place: int, form: _Form) -> bool:
    """Return whether a form is a name at a place of the text. Its words match already; its surroundings decide."""
    named = words[place : place + len(form.words)]
    start, end = named[0].start, named[-1].end
    if not text.endswith(form.before, 0, start) or not text.startswith(form.after, end):
        return False
    if is_unspaced(form.words[0]) or is_unspaced(form.words[-1]):
        return all(one.end == other.start for one, other in pairwise(named))
    if _is_part_of_word(text, start - len(form.before), end + len(form.after)) or _is_month(text, words, place, form):
        return False
    if not form.spellings:
        return True
    if text[start:end] not in form.spellings:
        return False
    is_possessive = _possessive_end(text, end) != end
    return is_possessive or not _AFTER_SENTENCE.search(text, max(0, start - _AFTER_SENTENCE_CHARS), start)


def _is_part_of_word(text: str, start: int, end: int) -> bool:
    """Return whether a name is a part of a longer expression: "Mark-up", "rose@example.org", "example.grace"."""
    after, before = text[end : end + 2], text[max(0, start - 2) : start]
    if after[:1] in {"-", "@"} or (after[:1] == "." and after[1:].islower()):
        return after[1:].isalnum()
    if before[1:] in {"-", "@"} or (before[1:] == "." and text[start].islower()):
        return before[0].isalnum()
    return False


def _is_month(text: str, words: Sequence[Word], place: int, form: _Form) -> bool:
    """Return whether the name of a month is the month: after "in" or "last", or beside a number."""
    if len(form.words) > 1 or words[place].folded not in MONTHS:
        return False
    before = words[place - 1] if place else None
    after = words[place + 1] if place + 1 < len(words) else None
    if before and (before.folded in BEFORE_MONTHS or before.folded[0].isdigit()):
        return text[before.end : words[place].start].isspace()
    if after is not None and after.folded in _UNTIL:  # "from May to July", but not "a letter from May"
        return before is not None and before.folded == "from"
    return after is not None and after.folded[0].isdigit() and not text[words[place].end : after.start].strip(" .,")


def _possessive_end(text: str, end: int) -> int:
    """Return the place behind a name and its possessive ending: 's, or an apostrophe alone after a final s."""
    if found := _POSSESSIVE.match(text, end):
        return found.end()
    if text[end : end + 1] and text[end] in _APOSTROPHES and text[end - 1] in "sSxXzZ" and not _is_word(text, end + 1):
        return end + 1
    return end


def _is_word(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isalnum()
