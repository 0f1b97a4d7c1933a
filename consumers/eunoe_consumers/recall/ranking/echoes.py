"""Recognise echoes: turns that repeat the query's question, and refusals to answer one. Neither holds an answer."""

from enum import StrEnum

from eunoe_consumers.recall.ranking.questions import Topic, asks
from eunoe_consumers.recall.words import folded_words

# A text this short before a refusal is a question, whatever its form: "front door please".
_SHORT_WORDS = 4


class Echo(StrEnum):
    """Why a turn holds no answer."""

    QUESTION = "question"
    """It asks what the query asks, or nobody could answer it."""
    REFUSAL = "refusal"
    """It says that the answer is unknown."""


def is_repeated_question(text: str, topic: Topic, *, was_refused: bool) -> bool:
    """Return whether a text is a question without news: the query asks the same, or a refusal follows it."""
    if was_refused and not topic.new_numbers(text):
        return asks(text) or len(folded_words(text)) <= _SHORT_WORDS or not topic.has_news(text)
    return asks(text) and not topic.has_news(text)
