"""Recognise refusals: texts that say only that an answer is unknown. Word lists serve the languages of most users."""

import re
from collections.abc import Mapping

from eunoe_consumers.recall.ranking.cues import any_of, is_question
from eunoe_consumers.recall.ranking.questions import Topic
from eunoe_consumers.recall.words import word_set

# A longer text says more than a refusal does. So does a person who says more than a short sentence.
_CHARS, _PERSONS_CHARS = 1_500, 80
# A refusal begins soon.
_START_CHARS = 250


def _near(*rows: tuple[str, str]) -> Mapping[str, frozenset[str]]:
    """Return the words that must stand near each negation. A negation may belong to several languages."""
    found: dict[str, frozenset[str]] = {}
    for negations, words in rows:
        for negation in negations.split():
            found[negation] = found.get(negation, frozenset()).union(words.split())
    return found


# A sentence refuses if one of its negations (left) stands near one of the words to its right.
_UNKNOWING = _near(
    ("don't dont not can't cant cannot couldn't isn't no", "know remember recall idea clue sure certain aware"),
    ("nicht keine", "weiß weiss kenne ahnung erinnere"),
    ("ne pas aucune", "sais sait connais idée souviens rappelle"),
    ("no ni", "sé conozco recuerdo acuerdo idea"),
    ("não", "sei conheço lembro"),
    ("non nessuna", "so conosco ricordo idea"),
    ("niet geen", "weet ken idee herinner"),
    ("nie", "wiem znam pamiętam"),
    ("не нет", "знаю помню понятия"),
)
# Said by an assistant, these refuse, too. Said by a person, they may be the answer: "I don't have the ticket."
_UNTOLD = _near(
    (
        """
        don't dont not no didn't can't cant cannot couldn't haven't havent hasn't isn't wasn't never without any unable
        nothing nobody
        """,
        """
        access information info record records details data mention memory notes conversation conversations history have
        find tell told shared mentioned given provided specified stored saved known available come
        """,
    ),
    (
        "nicht keine kein keinen nichts",
        "information informationen angabe angaben daten bekannt gesagt mitgeteilt verraten erwähnt genannt vor habe",
    ),
    (
        "ne pas aucune aucun rien",
        "information informations donnée données ai n'ai dispose trouve dit donné m'avez m'as indiqué partagé",
    ),
    ("no ninguna nada", "tengo dispongo encuentro información datos dicho contado dado mencionado compartido"),
    ("não nenhuma nada", "tenho encontrei disponho informação dados disse contou informou mencionou"),
    ("non nessuna niente", "ho dispongo trovo informazione informazioni dati detto condiviso hai"),
    ("niet geen niets", "informatie gegevens verteld bekend gezegd heb"),
    ("не нет", "информации данных сказали говорили"),
)
_WORDS_BEFORE, _WORDS_AFTER = 5, 6
_ENDING_NEGATIONS = frozenset({"nicht", "niet", "pas"})  # "das weiß ich nicht"
# "I don't have a car" is an answer, "I don't have the code" is none.
_HAVING, _ARTICLES = frozenset({"have"}), frozenset({"a", "an"})
_PHRASES = (
    *(
        "dunno",
        "beats me",
        "i forgot",
        "wish i knew",
        "need you to tell",
        "haven't the faintest",
        "keine ahnung",
        "j'ignore",
        "desconozco",
        "bilmiyorum",
    ),
    *("わかりません", "分かりません", "知りません", "存じません", "わからない", "不知道", "不清楚", "没有", "모르"),
)
_NONE: frozenset[str] = frozenset()
# "I've looked through everything that you told me" is no news.
_SEARCHING = word_set(
    "i look looked search searched check checked everything anything far told said shared messages asking"
)
_WORD = re.compile(r"[\w']+")
_SENTENCE_END = re.compile(
    r"(?<=[.!?\u2026\u3002\uff01\uff1f])\s*|\n+|[;:]\s|\b(?:but|however|aber|mais|pero|però|mas|maar)\b", re.IGNORECASE
)
# The first words of apologies and offers around a refusal.
_OFFERS = any_of("""
    i.?m (?:so |very |really )?(?:sorry|afraid), i apologi[sz]e, sorry, apologies, unfortunately, thanks, thank you, if,
    once, as soon as, when you, please, feel free, let me know, just, you (?:can|could|may|might), would you, could you,
    can you, do you, did you, is there, i can, i could, i.ll, i will, i.d (?:be|need), i.m happy, how can, tell me, try,
    maybe, perhaps, that way, then, in the meantime, meanwhile,
    wenn, falls, sobald, bitte, leider, tut mir, entschuldigung, sag, möchte\\w*, du kannst, sie können, kannst, können,
    soll, gerne?, dann,
    si, s.il, désolée?, malheureusement, dis, n.hésite\\w*, peux, pouvez, pourr\\w*, voulez, tu peux,
    vous pouvez, je peux,
    por favor, lo siento, lamentablemente, puedes?, dime, quieres, cuando, se, per favore, mi dispiace, purtroppo,
    dimmi, puoi, vuoi, quando, desculpe, infelizmente, pode, diga,
    als, helaas, laat, kun, zeg, het spijt
""")
_OFFERS_HELP = re.compile(rf"^\W*(?:(?:and|so|then|or|also|but)\s)?{_OFFERS}", re.IGNORECASE)


def is_refusal(text: str, topic: Topic, *, by_assistant: bool) -> bool:
    """Return whether a text says only that the answer is unknown: nothing else about the topic, and no new number."""
    if len(text) > (_CHARS if by_assistant else _PERSONS_CHARS):
        return False
    if not _refuses(text[:_START_CHARS], by_assistant=by_assistant):
        return False
    for sentence in _SENTENCE_END.split(text):
        if _refuses(sentence, by_assistant=by_assistant):
            if topic.new_numbers(sentence):
                return False
        elif _OFFERS_HELP.match(sentence) or is_question(sentence) or _SEARCHING.issuperset(topic.news(sentence)):
            continue
        else:
            return False
    return True


def _refuses(text: str, *, by_assistant: bool) -> bool:
    """Return whether a negation stands near a word for knowledge."""
    plain = text.lower().replace("\u2019", "'")
    if any(phrase in plain for phrase in _PHRASES):
        return True
    words = _WORD.findall(plain)
    for place, word in enumerate(words):
        if word in _UNKNOWING or (by_assistant and word in _UNTOLD):
            before = _WORDS_BEFORE if word in _ENDING_NEGATIONS else 0
            near = words[max(0, place - before) : place + _WORDS_AFTER]
            if not _UNKNOWING.get(word, _NONE).isdisjoint(near):
                return True
            lacking = _UNTOLD.get(word, _NONE).intersection(near) if by_assistant else _NONE
            if lacking and (lacking != _HAVING or _ARTICLES.isdisjoint(near)):
                return True
    return False
