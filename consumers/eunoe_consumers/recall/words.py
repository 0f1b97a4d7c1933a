"""Cut texts into words, and list English words that are not names or carry no meaning."""

import re
import unicodedata
from typing import NamedTuple

# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters. Each of their characters
# counts as a word, so that a name is found in the middle of a sentence. Hangul has spaces.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# `\w` has no combining marks, so most Indian words would end at one. Marks of the basic plane suffice: a character
# class of all planes is searched range by range, and takes several times as long.
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M"))
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(f"[{_UNSPACED}][{_MARKS}]*|[^\\W{_UNSPACED}]+(?:[{_MARKS}]+[^\\W{_UNSPACED}]*)*")


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        folded: The word for comparisons: case-folded, compatibility characters replaced.
        start: The place of the first character.
        end: The place behind the last character.
    """

    folded: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Cut a text into its words, in order."""
    return [Word(_fold(found.group()), found.start(), found.end()) for found in _WORD.finditer(text)]


def folded_words(text: str) -> tuple[str, ...]:
    """Return the folded form of each word of a text. Only this form is compared."""
    return tuple(word.folded for word in words_of(text))


def is_unspaced(folded: str) -> bool:
    """Return whether a word is one character of a script without spaces."""
    return _UNSPACED_WORD.match(folded) is not None


def _fold(word: str) -> str:
    """Remove differences of case and encoding: nearly Unicode's NFKC_Casefold."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list, separated by white space."""
    return frozenset(text.split())


# Gateways write these words in place of a name.
ROLES = word_set("user assistant bot system ai agent human")

# Words of a display name that do not name a person alone.
TITLES = word_set("dr doctor prof professor mr mrs ms miss mx sir madam dame lord lady herr frau jr sr phd md")

# Words that carry no meaning: a query of stop words alone finds any turn. The single letters come from "don't" and
# "we're".
STOP_WORDS = word_set("""
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could d did do does doing don down during each ever few for from further get give had has have having
    he her here hers herself him himself his how i if in into is it its itself just ll m me more most my myself no
    nor not now of off on once only or other our ours ourselves out over own please re s said same say says she
    should so some such t tell than that the their theirs them themselves then there these they this those through
    to told too under until up us ve very was we were what when where whether which while who whom whose why will
    with would you your yours yourself
""")

# Names that are also everyday words: "will she" is not Will, "on the mark" is not Mark. The list cannot be complete. A
# word that is missing here costs little: it is not embedded, and the turns of the speaker with that name rank higher.
ORDINARY_NAMES = word_set("""
    ace amber angel april art ash august autumn basil bay bear bill bishop blue brandy brook buck bud buddy candy
    chance chase chip chuck clay cliff cookie coral crystal daisy dale dash dawn dean dick don dot drew duke earl
    eve ever faith fern forest fox frank gale gene ginger gold grace grant gray green guy harmony heath heaven hope
    hunter iris ivy jack jade jay jet jewel joy june king kit lance lane lark laurel liberty long love mac major
    mark marsh mason max may melody mercy merry miles mint misty nick noble norm olive opal page pansy park pat
    patience pearl peg penny pepper pierce piper poppy precious price prince prudence queen rain randy ray red reed
    rich river rob robin rock rod rose rosemary ruby rush rusty sage sandy sky snow star stark sterling stone storm
    story sue summer sunny temple timber trace trinity trip van victory violet wade walker ward warren west will
    willow winter wolf wood woods worth wren young
""")

# "April" is the month, and not a person, after one of the words in `BEFORE_MONTHS` or beside a number.
MONTHS = word_set("january february march april may june july august september october november december")
BEFORE_MONTHS = word_set("""
    in since during until till between before after last this next every each early mid late
""")
