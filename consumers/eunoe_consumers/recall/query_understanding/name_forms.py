"""The forms in which speakers may be named: the full name, without its title, the first or the last name alone."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from eunoe_consumers.recall.query_understanding.name_words import unspaced, words
from eunoe_consumers.recall.query_understanding.words import ORDINARY_NAMES, ROLES, STOP_WORDS, TITLES

# A part of a name is taken for the whole from this length on.
_LEAST_LETTERS = 3
# A name of digits alone counts when it is as long as a telephone number: a shorter one is any number.
_LEAST_DIGITS = 5
# What a display name may be decorated with, without which it is the same name.
_DECORATION = " \t.,'\u2019\""
# Names are at most 256 characters long; nobody's has more words, nor is anybody called by more parts.
_MOST_WORDS = 32
_MOST_PARTS = 8
# A set of 200 speakers weighs about half a megabyte.
_CACHED_SPEAKER_SETS = 64
_EVERYDAY = ORDINARY_NAMES | STOP_WORDS | ROLES
# Parts that are nobody's name; Will and Don are.
_NOBODY = ROLES | TITLES | (STOP_WORDS - ORDINARY_NAMES)


@dataclass(frozen=True, slots=True)
class NameForm:
    """One form of a name.

    Attributes:
        words: Its folded words.
        speakers: Whom it means, as their display names are written; more than one if these differ in case alone.
        before: The symbols it begins with, "@" in "@jane".
        after: The symbols it ends with, "++" in "C++".
        spellings: If it is an everyday word too, how it must be written to be a name; empty if any case will do.
    """

    words: tuple[str, ...]
    speakers: tuple[str, ...]
    before: str = ""
    after: str = ""
    spellings: frozenset[str] = frozenset()


@dataclass(slots=True)
class NameTree:
    """Forms of names by their words: a text is compared with all of them in one walk, however many begin alike.

    Attributes:
        forms: Those that end here, the most decorated first.
        next: What follows, by the next word.
    """

    forms: list[NameForm] = field(default_factory=list[NameForm])
    next: "dict[str, NameTree]" = field(default_factory=dict[str, "NameTree"])


def name_tree(speakers: Iterable[str]) -> NameTree:
    """Return the forms of some speakers' names; made once for each set of speakers."""
    return _tree(frozenset(speakers))


@lru_cache(maxsize=_CACHED_SPEAKER_SETS)
def _tree(speakers: frozenset[str]) -> NameTree:
    root = NameTree()
    for form in sorted(_forms(speakers), key=lambda form: len(form.before + form.after), reverse=True):
        node = root
        for word in form.words:
            node = node.next.setdefault(word, NameTree())
        node.forms.append(form)
    return root


def _forms(speakers: frozenset[str]) -> list[NameForm]:
    """Return all forms in which one can tell who is meant."""
    whole: defaultdict[tuple[tuple[str, ...], str, str], list[str]] = defaultdict(list)
    parts: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    spellings: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for speaker in sorted(speakers):
        name = speaker.strip(_DECORATION)
        found = words(name)
        if not found:
            continue
        full = tuple(word.folded for word in found)
        if _is_name(full):
            whole[full, name[: found[0].start], name[found[-1].end :]].append(speaker)
            spellings[full].add(name[found[0].start : found[-1].end])
        for part, spelling in _parts(name):
            parts[part].add(speaker)
            spellings[part].add(spelling)
    forms = [
        NameForm(full, tuple(named), before, after, _must_be_written(full, spellings[full]))
        for (full, before, after), named in whole.items()
    ]
    undecorated = {form.words for form in forms if not form.before and not form.after}
    forms += [
        NameForm(part, tuple(named), spellings=_must_be_written(part, spellings[part]))
        for part, named in parts.items()
        if len(named) == 1 and part not in undecorated
    ]
    return forms


def _is_name(full: tuple[str, ...]) -> bool:
    """Tell whether a display name can be looked for: no role, no "I", no short number, no single Chinese character."""
    if len(full) > _MOST_WORDS:
        return False
    if len(full) == 1 and (full[0] in ROLES or full[0] == "i" or unspaced(full[0])):
        return False
    letters = "".join(full)
    return any(letter.isalpha() for letter in letters) or len(letters) >= _LEAST_DIGITS


def _parts(name: str) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield what somebody may be called for short, folded and as written: first parts, last parts, "Dr. Doe"."""
    written = name.split()[:_MOST_PARTS]
    folded = [tuple(word.folded for word in words(part)) for part in written]
    titled = [len(part) == 1 and part[0] in TITLES for part in folded]
    first = next((place for place, title in enumerate(titled) if not title), len(written))
    last = len(written) - next((place for place, title in enumerate(reversed(titled)) if not title), 0)
    spans = {(first, end) for end in range(first + 1, last + 1)} | {(start, last) for start in range(first, last)}
    for start, end in sorted(spans):
        part = tuple(word for words_of_part in folded[start:end] for word in words_of_part)
        if len(part) <= _MOST_WORDS and _stands_alone(part):
            yield part, " ".join(piece.strip(_DECORATION) for piece in written[start:end])
            if start and end == last:  # "Dr. Doe"
                titles = tuple(word for words_of_part in folded[:first] for word in words_of_part)
                yield (
                    titles + part,
                    " ".join(piece.strip(_DECORATION) for piece in (*written[:first], *written[start:end])),
                )


def _stands_alone(part: tuple[str, ...]) -> bool:
    letters = "".join(part)
    return (
        len(letters) >= _LEAST_LETTERS
        and any(letter.isalpha() for letter in letters)
        and not all(word in _NOBODY for word in part)
    )


def _must_be_written(form: tuple[str, ...], spellings: set[str]) -> frozenset[str]:
    """Return how a form must be written if it is an everyday word: as the speaker writes it, but with a capital."""
    word, *others = form
    if others or (len(word) > 1 and word not in _EVERYDAY):
        return frozenset()
    bare = {re.sub(r"^\W+|\W+$", "", spelling) for spelling in spellings}
    return frozenset({spelling for spelling in bare if spelling[:1].isupper()} | {word.capitalize() for word in bare})
