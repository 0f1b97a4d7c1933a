"""What each part of a recalled turn's score weighs."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=0, le=10)]


class Weights(BaseModel):
    """The weights of one kind of conversation; 0 switches a part off.

    Attributes:
        cosine: The cosine of the turn's best piece and the query.
        bm25: The turn's own BM25, divided by the best of the scope.
        contextual_bm25: BM25 over turns that take in half of what their neighbours say, divided by the best.
        neighbour: Cosine and BM25 of the turns right before and after it, in the same session.
        second_neighbour: The same of those two turns away.
        answer: What the turn before adds once more if it asks a question.
        question: What a turn loses that ends with a question mark: it asks what is looked for.
        length: What a turn loses for each e-fold beyond 800 characters, up to 4,000: of a document that somebody pasted
            one piece may well be the answer.
        brevity: What a turn loses for each e-fold below 200 characters.
        date: What a turn gains from the period that the query names.
        speaker: What a turn gains whose speaker the query names.
        time: What a turn gains that names a time, where the query asks for one.
        user: What a user's turn gains where nobody's name is known.
        session: The mean of the session's three best turns.
        session_bm25: BM25 of the session as one document, divided by the best.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cosine: Weight = 1.0
    bm25: Weight = 0.0
    contextual_bm25: Weight = 0.0
    neighbour: Weight = 0.0
    second_neighbour: Weight = 0.0
    answer: Weight = 0.0
    question: Weight = 0.0
    length: Weight = 0.0
    brevity: Weight = 0.0
    date: Weight = 0.0
    speaker: Weight = 0.0
    time: Weight = 0.0
    user: Weight = 0.0
    session: Weight = 0.0
    session_bm25: Weight = 0.0


# Measured on recall-bench (benchmarks/README.md): where turns are short, what is looked for is said over several of
# them, and the one beside the match is often it; where an assistant writes long answers, each turn stands for itself.
DIALOGUE = Weights(
    contextual_bm25=0.5,
    neighbour=0.1,
    second_neighbour=0.05,
    answer=0.3,
    question=0.2,
    length=0.15,
    brevity=0.05,
    date=0.5,
    speaker=0.2,
    time=0.2,
    session=0.2,
    session_bm25=0.2,
)
ASSISTANT = Weights(
    bm25=0.4,
    neighbour=0.1,
    second_neighbour=0.05,
    length=0.2,
    date=0.5,
    user=0.1,
    session=0.3,
    session_bm25=0.1,
)
BM25 = Weights(cosine=0.0, bm25=1.0)
# Terms of a turn, of its first 400 characters. In dialogues half of the turns have 11 to 15, in chats with an assistant
# 31 to 39.
_DIALOGUE_TERMS = 22.0


def is_dialogue(median_terms: float) -> bool:
    """Tell a conversation of short turns from one with long answers."""
    return median_terms < _DIALOGUE_TERMS
