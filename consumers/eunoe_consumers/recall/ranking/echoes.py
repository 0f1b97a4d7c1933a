"""Recognise echoes: turns that repeat the query's question, and refusals to answer one. Neither holds an answer."""

from collections.abc import Sequence
from enum import StrEnum

from eunoe_consumers.recall.ranking.questions import Topic, asks
from eunoe_consumers.recall.ranking.refusals import is_refusal
from eunoe_consumers.recall.words import folded_words

# A text this short before a refusal is a question, whatever its form: "front door please".
_SHORT_WORDS = 4


class Echo(StrEnum):
    """Why a turn holds no answer."""

    QUESTION = "question"
    """It asks what the query asks, or nobody could answer it."""
    REFUSAL = "refusal"
    """It says that the answer is unknown."""


def find_refusals(query: str, texts: Sequence[str], by_assistant: Sequence[bool]) -> list[bool]:
    """Return for each text whether it says only that the answer is unknown."""
    topic = Topic(query)
    return [is_refusal(text, topic, by_assistant=said) for text, said in zip(texts, by_assistant, strict=True)]


def find_repeated_questions(query: str, texts: Sequence[str], refused: Sequence[bool]) -> list[bool]:
    """Return for each text whether it is a question without news: the query asks the same, or a refusal follows it."""
    topic = Topic(query)
    return [_is_repeated(text, topic, was_refused=refusal) for text, refusal in zip(texts, refused, strict=True)]


def _is_repeated(text: str, topic: Topic, *, was_refused: bool) -> bool:
    if was_refused and not topic.new_numbers(text):
        return asks(text) or len(folded_words(text)) <= _SHORT_WORDS or not topic.news(text)
    return asks(text) and not topic.news(text)
