"""Recognise questions by their first words, and find what a text says beyond a query."""

import re

from eunoe_consumers.recall.ranking.cues import any_of, is_question
from eunoe_consumers.recall.words import STOP_WORDS, folded_words, word_set

# A longer text says more than a question does.
_QUESTION_CHARS = 300
# Two words count as one if they share this beginning: "code" and "codes".
_STEM_CHARS = 4

# Words of a question that say nothing about its topic. The lists need not be complete: a missing word costs one place
# in a reply.
_ASKING_WORDS = STOP_WORDS | word_set(
    # English beyond the stop words, German, French, Spanish, Portuguese, Italian, Dutch
    """
    anybody anyone does everybody give hello help hey hi idea know knows let maybe name need ok okay please
    remember remind show somebody someone sorry still thanks want wants wonder wondering yet
    aber als an auch bitte bist da das dass dein deine dem den denn der des die dir du ein eine er es hallo hast
    hat habe ich ihr im ist ja kann kannst kennst kennt können mal man mein meine meinen mich mir mit noch
    nochmal sag sagen sie sind und uns war was weiß weißt wer wie wieder wir wo wann warum welche welcher
    welches wissen zu zum zur
    au aux avec bonjour c ce cette connais de des dire dis dites donc du elle en encore est et il je la le les
    leur lui ma me mes mon n ne nous où par pas peut peux plaît plait pour pourrais quand que quel quelle quels
    qu qui quoi s sais sait se si sont sur ta te tes toi ton tu un une vous
    al con cual cuál cuando cuándo del di dime donde dónde el ella ellos es esta está este hola las lo los mi
    mis nos o para por puede puedes qué quien quién sabe sabes ser su sus tú una y yo
    a ao as com da do dos e ela ele em essa esse foi lembra meu minha na não no os onde pode qual quando quem
    seu sua são um uma você
    che chi ciao come cosa dove gli ho io mia mio non per puoi quale sai sono ti tua tuo è
    aan bij dat een het hoe ik in is je jij kan ken kun met mij mijn niet of op van voor waar wanneer wat weet
    welke wie wij ze zijn
    """
)
_GREETING = any_of(
    "hey, hi, hello, so, ok, okay, and, please, sorry, again, but, hallo, bitte, und, hola, bonjour, ciao"
)
_FIRST_WORDS = any_of("""
    what, whats, who, whom, whose, where, when, why, how, which, anyone, anybody, someone know, somebody know, do, does,
    did, can, could, would, will, is, are, was, were, have, has, had, should, tell me, remind me, give me, show me,
    i forgot, i forget, i need to know, i want to know, i would like to know, i'd like to know,
    was, wer, wo, wann, wie, warum, welche\\w*, wessen, kannst, können, weißt, kennst, sag,
    quel\\w*, qui, où, quand, comment, pourquoi, combien, est-ce, dis, peux,
    cu[aá]l, qu[eé], qui[eé]n, d[oó]nde, cu[aá]ndo, c[oó]mo, dime, sabes, qual, quem, onde, quando,
    chi, dove, come, quale, cosa, sai, wat, waar, wanneer, hoe, welke, weet, kun
""")
_ASKS = re.compile(rf"^\W*(?:{_GREETING}\W+){{0,3}}{_FIRST_WORDS}", re.IGNORECASE)

_FIRST_CHARS = 60


def asks(text: str) -> bool:
    """Return whether a short text asks: by a question mark, or by its first words."""
    return len(text) <= _QUESTION_CHARS and (is_question(text) or _ASKS.match(text) is not None)


def numbers_of(text: str) -> list[str]:
    """Return the words of a text that have digits."""
    return [word for word in folded_words(text) if _has_digit(word)]


class Topic:
    """The words of a query that say what it is about."""

    def __init__(self, query: str) -> None:
        self._words = frozenset(folded_words(query))
        self._stems = frozenset(word[:_STEM_CHARS] for word in self._words if len(word) >= _STEM_CHARS)

    def news(self, text: str) -> list[str]:
        """Return the words of a text that neither stand in the query nor belong to any question."""
        return [word for word in folded_words(text) if word not in _ASKING_WORDS and not self._has(word)]

    def has_news(self, text: str) -> bool:
        """Return whether a text has such a word. Most texts have one among their first words."""
        start = text[:_FIRST_CHARS].rpartition(" ")[0]
        return bool(self.news(start)) or bool(self.news(text))

    def new_numbers(self, text: str) -> list[str]:
        """Return the words with digits that do not stand in the query."""
        return [number for number in numbers_of(text) if number not in self._words]

    def _has(self, word: str) -> bool:
        return word in self._words or (word[:_STEM_CHARS] in self._stems and not _has_digit(word))


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))
