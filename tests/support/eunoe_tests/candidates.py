"""Candidates and outlines of a recall, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from eunoe_consumers.postgres.candidates import TurnCandidate
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.ranking.lexical import LexicalScores

MOMENT = datetime(2024, 5, 7, 12, tzinfo=UTC)
# Neither short nor long, so that the parts for the length are 0.
PLAIN = "It is said here that the weather was fine, as it is told in so many letters. " * 4


def candidate_of(position: int, cosine: float = 0.0, content: str = PLAIN, **fields: Any) -> TurnCandidate:
    """Return a candidate at a position, with the event id `e<position>`."""
    values: dict[str, Any] = {
        "id": UUID(int=position),
        "event_id": f"e{position}",
        "role": "assistant",
        "speaker": None,
        "session_id": None,
        "created_at": MOMENT,
        "occurred_at": None,
        **fields,
    }
    return TurnCandidate(position=position, cosine=cosine, content=content, **values)


def outline_of(positions: Sequence[int], sessions: Sequence[int] | None = None) -> Outline:
    """Return an outline of turns without any term. By default all turns are in one session."""
    return Outline.build((positions, sessions or [1] * len(positions), [10] * len(positions)), ((), (), ()))


def scores_of(
    turns: int,
    *,
    bm25: Sequence[float] | None = None,
    contextual: Sequence[float] | None = None,
    sessions: Sequence[float] | None = None,
) -> LexicalScores:
    """Return lexical scores. Scores that are not given are 0."""
    given = (np.zeros(turns) if values is None else np.array(values) for values in (bm25, contextual, sessions))
    return LexicalScores(*given)
