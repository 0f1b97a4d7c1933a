"""Find the names of a scope's speakers in a query.

A speaker may be named in several forms: the full name, the name without its title, the first or the last name alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
# The rest of "@jane.doe" after "@jane".
_REST_OF_HANDLE = re.compile(r"[.\-]?\w[\w.\-]*(?<![.\-])")
_GREETINGS = (
    "hi|hey|hello|hallo|hola|ciao|salut|bonjour|dear|liebe|lieber|thanks|thank you|danke|merci|gracias|ok|okay|bye"
)
_AFTER_MARK_CHARS = 12
_AFTER_MARK = re.compile(
    rf"(?:^|[,.!?;:\n\uff0c\u3002\uff01\uff1f\u3001(]\s*|(?:^|\W)(?:{_GREETINGS})\s+)$", re.IGNORECASE
)
_BEFORE_MARK = re.compile(r"\s*(?:$|[,.!?;)\n\uff0c\u3002\uff01\uff1f\u3001\u2014\u2013]|-\s)")
_UNTIL = frozenset({"to", "until", "till", "through"})


class Mention(NamedTuple):
    """A name in a text.

    Attributes:
        start: The place of the first character.
        end: The place behind the name and its possessive ending.
        speakers: The display names of the named speakers.
        word: The name as written, if it is one word, which may mean something else as well; None for a name of several
            words, and after "@".
        is_address: Whether the speaker is addressed: "Rose, what did I say?", "@rose what did I say?".
    """

    start: int
    end: int
    speakers: tuple[str, ...]
    word: str | None = None
    is_address: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of a name.

    Attributes:
        words: The folded words.
        speakers: The speakers with this form; several if their names differ in case alone.
        before: The symbols before the words, "@" in "@jane".
        after: The symbols after the words, "++" in "C++".
        spellings: The spellings in which an everyday word is a name; empty if every spelling is one.
        is_part: Whether it is a first or last name alone. In lower case it is a word: "python" is not Python Pete.
        is_title: Whether it is a name of several words that an assistant has. It is a name only where it is addressed.
    """

    words: tuple[str, ...]
    speakers: tuple[str, ...]
    before: str = ""
    after: str = ""
    spellings: frozenset[str] = frozenset()
    is_part: bool = False
    is_title: bool = False


@dataclass(slots=True)
class _Tree:
    """A prefix tree of forms by their words. One walk compares a text with all forms.

    Attributes:
        forms: The forms that end here, those with the most symbols first.
        next: The subtree of each next word.
    """

    forms: list[_Form] = field(default_factory=list[_Form])
    next: "dict[str, _Tree]" = field(default_factory=dict[str, "_Tree"])


def find_names(text: str, users: Iterable[str], assistants: Iterable[str] = ()) -> Iterator[Mention]:
    """Yield the speakers' names in a text, in order and without overlap.

    An assistant is often called by what it is for: "Berlin Guide". Such a name counts only where it is addressed:
    "Berlin Guide, what did I say?", "@guide what did I say?".

    Args:
        text: Any text.
        users: The display names of users.
        assistants: The display names of assistants.
    """
    tree = _tree(frozenset(users), frozenset(assistants))
    words = words_of(text)
    place, ended = 0, 0
    while place < len(words):
        word = words[place]
        form = _longest_form(text, words, place, tree) if word.folded in tree.next and word.start >= ended else None
        if form is None:
            place += 1
            continue
        place += len(form.words)
        end = words[place - 1].end + len(form.after)
        marked = _is_marked(text, word.start)
        if marked and (handle := _REST_OF_HANDLE.match(text, end)):
            end = handle.end()
        ended = _possessive_end(text, end)
        start = word.start - (1 if marked else len(form.before))
        yield Mention(
            start,
            ended,
            form.speakers,
            word=text[word.start : word.end] if len(form.words) == 1 and not marked else None,
            is_address=marked or is_address(text, start, ended),
        )


def is_address(text: str, start: int, end: int) -> bool:
    """Return whether a name stands alone between marks, as in "Thanks, Rose!", or after a greeting, as in "Hi Rose"."""
    before, after = text[max(0, start - _AFTER_MARK_CHARS) : start], text[end : end + _AFTER_MARK_CHARS]
    return _AFTER_MARK.search(before) is not None and _BEFORE_MARK.match(after) is not None


def _is_marked(text: str, start: int) -> bool:
    """Return whether a word follows "@", and not within an e-mail address."""
    return text[max(0, start - 1) : start] == "@" and not _is_word(text, start - 2)


@lru_cache(maxsize=_CACHED_SPEAKER_SETS)
def _tree(users: frozenset[str], assistants: frozenset[str]) -> _Tree:
    root = _Tree()
    titles = frozenset(name for name in assistants if len(name.split()) > 1)
    forms = [*_forms(users | (assistants - titles)), *_handles(users | assistants)]
    forms += [replace(form, is_title=True) for form in _forms(titles) if not form.is_part]
    for form in sorted(forms, key=lambda form: len(form.before + form.after), reverse=True):
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
        _Form(short, tuple(named), spellings=_required_spellings(short, spellings[short]), is_part=True)
        for short, named in short_names.items()
        if len(named) == 1 and short not in undecorated
    ]
    return forms


def _handles(speakers: frozenset[str]) -> Iterator[_Form]:
    """Yield the forms after "@" of names of several words: each first and last name, and all words as one."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for speaker in speakers:
        words = [word for word in folded_words(speaker) if word not in TITLES]
        if 1 < len(words) <= _MAX_PARTS:
            for handle in {*words, "".join(words)}:
                found[handle].add(speaker)
    for handle, named in found.items():
        if len(named) == 1 and len(handle) >= _MIN_PART_LETTERS and handle not in ROLES:
            yield _Form((handle,), tuple(named), before="@", is_part=True)


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
    if _is_marked(text, start):  # "@will.baker" names Will, but not Will Smith
        return not form.is_part or _REST_OF_HANDLE.match(text, end) is None
    if is_unspaced(form.words[0]) or is_unspaced(form.words[-1]):
        return all(one.end == other.start for one, other in pairwise(named))
    if _is_part_of_word(text, start - len(form.before), end + len(form.after)) or _is_month(text, words, place, form):
        return False
    if form.is_title:
        return is_address(text, start, end)
    return _is_spelled_as_name(text, start, end, form)


def _is_spelled_as_name(text: str, start: int, end: int, form: _Form) -> bool:
    """Return whether the spelling is that of a name. In lower case, a part alone is a word, and so is "mark down"."""
    if not form.spellings:
        is_word = (form.is_part and len(form.words) == 1) or not _EVERYDAY.isdisjoint(form.words)
        return not (is_word and text[start:end].islower())
    is_possessive = _possessive_end(text, end) != end
    begins_sentence = _AFTER_SENTENCE.search(text, max(0, start - _AFTER_SENTENCE_CHARS), start) is not None
    is_clear = is_possessive or not begins_sentence or is_address(text, start, end)
    return text[start:end] in form.spellings and is_clear


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
