"""Select the turns of a context from the ranked turns, with the excerpts and neighbours that the request asks for."""

import json
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.postgres.candidates import Beside, CandidateReader, NeighbourTurn, TurnCandidate
from eunoe_consumers.recall.duplicates import message_key, rough_key
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_schema.entries import EntryOrder
from eunoe_schema.recall import CutTurn, Excerpt, Neighbour, RecallRequest, Turn

_DECIMALS = 6
_NEIGHBOUR_CHARS = 1_000  # about the length of a piece


@dataclass(frozen=True)
class SelectionDefaults:
    """Values for a request that does not name them.

    Attributes:
        top_k: Turns at most.
        min_cosine: The minimum cosine, -1..1; None for none.
        excerpts: Whether a long turn is returned as its matching excerpt.
        repeats: Whether turns with the same text may all be returned.
    """

    top_k: int
    min_cosine: float | None
    excerpts: bool
    repeats: bool


@dataclass(frozen=True)
class Selected:
    """The turns of a context, the best first, and the turns that did not fit into the token budget."""

    turns: tuple[Turn, ...]
    cut: tuple[CutTurn, ...]


@dataclass(frozen=True)
class _Chosen:
    """A ranked turn, and the number of messages that it stands for."""

    ranked: Ranked
    repeats: int


NOTHING_SELECTED = Selected((), ())


class Selection:
    """Selects the turns of contexts."""

    def __init__(self, reader: CandidateReader, embedder: CoalescingEmbedder, defaults: SelectionDefaults) -> None:
        self._reader = reader
        self._embedder = embedder
        self._defaults = defaults

    def top_k(self, request: RecallRequest) -> int:
        """Return the maximum number of turns for a request."""
        return self._defaults.top_k if request.top_k is None else request.top_k

    async def select(self, request: RecallRequest, ranked: Sequence[Ranked], excluded: Collection[str]) -> Selected:
        """Return the best turns that are not excluded.

        Args:
            request: The request.
            ranked: The ranked turns, the best first.
            excluded: Event ids to leave out.

        Raises:
            StoreUnavailable: If PostgreSQL failed to read the neighbours.
        """
        chosen = self._chosen(request, ranked, excluded)
        beside: Mapping[int, Beside] = {}
        if request.neighbours and chosen:
            beside = await self._reader.neighbours(request.scope, [found.ranked.candidate.position for found in chosen])
        excerpts = self._defaults.excerpts if request.excerpts is None else request.excerpts
        turns = [
            _turn(
                found,
                _shown(beside.get(found.ranked.candidate.position), excluded),
                excerpts=excerpts,
                explain=request.explain,
            )
            for found in chosen
        ]
        if request.token_budget is None:
            return Selected(tuple(turns), ())
        return await self._within(request.token_budget, turns)

    def _chosen(self, request: RecallRequest, ranked: Sequence[Ranked], excluded: Collection[str]) -> list[_Chosen]:
        """Return the best turns. Of messages that say the same, the newest stands for all, at the place of the best."""
        least = self._defaults.min_cosine if request.min_cosine is None else request.min_cosine
        top_k, same, started = self.top_k(request), dict[Hashable, list[Ranked]](), set[Hashable]()
        for found in ranked:
            candidate = found.candidate
            if candidate.event_id in excluded or (least is not None and candidate.cosine < least):
                continue
            key: Hashable = candidate.position if self._defaults.repeats else found.echo
            if key is None:
                rough = rough_key(candidate)
                if len(same) >= top_k and rough not in started:
                    continue  # it repeats no chosen turn
                started.add(rough)
                key = message_key(candidate)
            if key in same or len(same) < top_k:
                same.setdefault(key, []).append(found)
        return [_Chosen(_newest(group), len(group)) for group in same.values()]

    async def _within(self, budget: int, turns: Sequence[Turn]) -> Selected:
        """Keep the best turns that fit as a whole. A shorter turn may fit where a better one does not."""
        kept: list[Turn] = []
        cut: list[CutTurn] = []
        left = budget
        for turn in turns:  # one by one: the tokens of a hundred long texts would take a gigabyte
            tokens = await self._embedder.count_tokens(_all_text(turn))
            if tokens <= left:
                kept.append(turn)
                left -= tokens
            else:
                cut.append(CutTurn(event_id=turn.event_id, score=turn.score, tokens=tokens))
        return Selected(tuple(kept), tuple(cut))


def _newest(group: Sequence[Ranked]) -> Ranked:
    """Return the newest of some turns, with the score of the first."""
    newest = max(group, key=lambda found: (_written_at(found.candidate), found.candidate.position))
    return replace(newest, score=group[0].score, parts=group[0].parts)


def _written_at(candidate: TurnCandidate) -> datetime:
    return candidate.occurred_at or candidate.created_at


def _shown(beside: Beside | None, excluded: Collection[str]) -> Beside | None:
    """Return the neighbours without the excluded ones."""

    def shown(turn: NeighbourTurn | None) -> NeighbourTurn | None:
        return None if turn is None or turn.event_id in excluded else turn

    return None if beside is None else Beside(shown(beside.before), shown(beside.after))


def _turn(chosen: _Chosen, beside: Beside | None, *, excerpts: bool, explain: bool) -> Turn:
    found, candidate = chosen.ranked, chosen.ranked.candidate
    excerpt, content = None, candidate.content
    if excerpts and candidate.span is not None:
        starts_at, ends_at = candidate.span
        excerpt = Excerpt(starts_at=starts_at, ends_at=ends_at, content_chars=len(content))
        content = content[starts_at:ends_at]
    return Turn(
        event_id=candidate.event_id,
        entry_id=str(EntryOrder.from_position(candidate.position)),
        role=candidate.role,
        content=content,
        speaker=candidate.speaker,
        session_id=candidate.session_id,
        thread_id=candidate.thread_id,
        channel=candidate.channel,
        metadata=json.loads(candidate.metadata or "{}"),
        created_at=candidate.created_at,
        occurred_at=candidate.occurred_at,
        cosine=candidate.cosine,
        score=found.score,
        repeats=chosen.repeats,
        excerpt=excerpt,
        before=_neighbour(beside.before, excerpts=excerpts) if beside else None,
        after=_neighbour(beside.after, excerpts=excerpts) if beside else None,
        explanation={name: round(value, _DECIMALS) for name, value in found.parts.items()} if explain else None,
    )


def _neighbour(turn: NeighbourTurn | None, *, excerpts: bool) -> Neighbour | None:
    """Return a neighbour for the reply. If excerpts are wanted, a long one is cut to its beginning."""
    if turn is None:
        return None
    content = turn.content[:_NEIGHBOUR_CHARS] if excerpts else turn.content
    return Neighbour(event_id=turn.event_id, role=turn.role, content=content, speaker=turn.speaker)


def _all_text(turn: Turn) -> str:
    beside = [neighbour.content for neighbour in (turn.before, turn.after) if neighbour]
    return "\n".join([turn.content, *beside])
