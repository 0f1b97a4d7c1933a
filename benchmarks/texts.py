"""Synthetic chat texts, the same in every run. They need no data set and contain no words of real users."""

import random
from collections.abc import Sequence

_OPENINGS = (
    "I think", "maybe", "yesterday", "by the way", "honestly", "next week", "could you check whether", "it seems that",
    "I just heard that", "please remember that", "as far as I know", "this morning", "after lunch", "do you know if",
)  # fmt: skip
_SUBJECTS = (
    "my sister", "the landlord", "our neighbour", "the new dentist", "a colleague from work", "the train to Lisbon",
    "my old bicycle", "the team in Oslo", "our daughter", "the grey cat", "the insurance", "the garden shed",
    "my running group", "the book club", "the coffee machine", "our server", "the invoice from March", "the recipe",
)  # fmt: skip
_VERBS = (
    "has moved to", "does not like", "was looking for", "needs", "forgot about", "will replace", "is waiting for",
    "finally found", "keeps asking about", "was late because of", "wants to sell", "cannot open", "has repaired",
)  # fmt: skip
_OBJECTS = (
    "the flat near the river", "a second key", "the blue suitcase", "two tickets for Friday", "the report",
    "a quieter room", "the password of the printer", "fresh basil", "the meeting at nine", "a vegetarian menu",
    "the old photographs", "a longer cable", "the bill for the heating", "some rest", "the language course",
)  # fmt: skip
_ENDINGS = (
    "and I am glad about it", "but nobody told me", "so we should wait", "which was quite a surprise",
    "because the weather changed", "and it cost 40 euros", "although we had agreed on something else",
    "before the holidays", "until the end of the month", "", "", "",
)  # fmt: skip
_QUESTIONS = ("who", "when did they say that", "what do you know about", "why", "where", "do you remember what")

# One text in fifty is longer than the model reads, like a pasted letter or log in a chat.
_LONG_SHARE = 1 / 50
_LONG_SENTENCES = (10, 40)
_SENTENCE_WEIGHTS = (67, 26, 7)  # for one, two and three sentences: about 29 tokens on average, with the long texts


def chat_texts(count: int, *, seed: int) -> list[str]:
    """Return `count` chat messages of 29 tokens on average. Some are long."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    texts: list[str] = []
    for _ in range(count):
        if dice.random() < _LONG_SHARE:
            sentences = dice.randint(*_LONG_SENTENCES)
        else:
            (sentences,) = dice.choices((1, 2, 3), _SENTENCE_WEIGHTS)
        texts.append(" ".join(_sentence(dice) for _ in range(sentences)))
    return texts


def memory_texts(count: int, *, seed: int) -> list[str]:
    """Return `count` different memories of one to three sentences."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    texts: dict[str, None] = {}
    while len(texts) < count:
        (sentences,) = dice.choices((1, 2, 3), _SENTENCE_WEIGHTS)
        texts[" ".join(_sentence(dice) for _ in range(sentences))] = None
    return list(texts)


def chat_queries(count: int, *, seed: int) -> list[str]:
    """Return `count` questions of one line."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [_joined(dice, _QUESTIONS, _SUBJECTS, _VERBS, _OBJECTS).capitalize() + "?" for _ in range(count)]


def _sentence(dice: random.Random) -> str:
    sentence = _joined(dice, _OPENINGS, _SUBJECTS, _VERBS, _OBJECTS, _ENDINGS)
    return sentence[0].upper() + sentence[1:] + dice.choice((".", ".", ".", "!", "?"))


def _joined(dice: random.Random, *parts: Sequence[str]) -> str:
    return " ".join(filter(None, map(dice.choice, parts)))
