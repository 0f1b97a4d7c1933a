"""The parts of a turn's score, and their weights for each kind of conversation."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=0, le=10)]


class Weights(BaseModel):
    """The weight of each part. 0 switches a part off.

    `fusion.rank` computes the parts. Each value below is multiplied by its weight; the score is the sum.

    Attributes:
        cosine: The cosine of the query and the turn's best piece.
        bm25: The BM25 of the turn, divided by the best BM25 of the scope.
        contextual_bm25: The same for the turn with a share of its neighbours' terms.
        neighbour: The cosine and BM25 of the turns directly before and after it in its session.
        second_neighbour: The same for the turns two places away.
        answer: The cosine and BM25 of the turn directly before it, if that turn is a question.
        question: Subtracted from a turn that ends with a question: such a turn asks, and does not answer.
        length: Subtracted for each e-fold above 800 characters, up to 4,000. Beyond that a turn is a pasted document,
            and one of its pieces may well be the answer.
        brevity: Subtracted for each e-fold below 200 characters.
        date: Added to a turn in the period that the query names; a share of it on the days around the period. Of a
            query that names nothing else, eight times as much (`named_period.py`).
        speaker: Added to a turn of a speaker that the query names.
        time: Added to a turn that names a time, if the query asks for one.
        user: Added to a turn of the user, unless several users of the scope have names.
        session: The mean score of the session's three best turns.
        echo: Subtracted from a turn that repeats the query's question, and from a refusal to answer. 0 also lets them
            lend their scores to their neighbours, and gives each a place of its own in a reply.
        newness: Turns that are about as near exchange their scores. The newest is first if the query asks for the
            present, and the oldest if it asks for the first. Otherwise only near ties move.
        session_bm25: The BM25 of the session as one document, divided by the best BM25 of the scope's sessions.
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
    echo: Weight = 0.0
    newness: Weight = 0.0


# Both sets were measured on recall-bench (benchmarks/README.md). In a dialogue an answer spreads over several short
# turns, and the turn beside a match often holds it.
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
    echo=1.0,
    newness=1.0,
)
# In a chat with long answers of an assistant, each turn stands alone.
ASSISTANT = Weights(
    bm25=0.4,
    neighbour=0.1,
    second_neighbour=0.05,
    length=0.2,
    date=0.5,
    user=0.1,
    session=0.3,
    session_bm25=0.1,
    echo=1.0,
    newness=1.0,
)
BM25 = Weights(cosine=0.0, bm25=1.0)
# The limit between the two kinds, in terms of a turn's first 400 characters. The median turn of a dialogue has 11 to 15
# terms, the median turn of a chat with an assistant 31 to 39.
_DIALOGUE_TERMS = 22.0


def is_dialogue(median_terms: float) -> bool:
    """Return whether a conversation consists of short turns, rather than of an assistant's long answers."""
    return median_terms < _DIALOGUE_TERMS
