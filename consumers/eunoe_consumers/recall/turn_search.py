"""Search a scope for turns that answer a query, and rank them."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder, EmbeddedQuery
from eunoe_consumers.embedding.unknown import is_vector_of_unknown
from eunoe_consumers.postgres.candidates import CandidateReader, NameUse, ScopeFacts, Spans, TurnCandidate
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.long_query import ends_first, nearest_of
from eunoe_consumers.recall.name_uses import is_word
from eunoe_consumers.recall.names import Mention, find_names
from eunoe_consumers.recall.query import understand
from eunoe_consumers.recall.ranking.fusion import Ranked, RankingQuery, rank
from eunoe_consumers.recall.ranking.lexical import LexicalScores, lexical_scores
from eunoe_consumers.recall.ranking.weights import BM25, Weights, is_dialogue
from eunoe_consumers.recall.words import ROLES
from eunoe_schema.scope import Scope

ResultT = TypeVar("ResultT")

# Turns with equal scores that the further search by words returns.
_EQUALS = 10
# If fewer of the candidates have texts of their own, the search looks further.
_DISTINCT_SHARE = 0.5
# The facts of a scope hardly ever change, so they are cached.
_CACHED_SCOPES = 10_000
_CACHED_NAMES = 1_000  # of 16 kB at most
_CACHE_SECONDS = 60.0
# Of two texts that the model does not know, the same text has a cosine of 1, any other nearly 0.
_SAME_TEXT = 0.9
# Some gateways write these words in place of a name.
_NO_NAMES = ROLES | {"customer"}


@dataclass
class Stages:
    """The time of each stage of a search, in milliseconds; 0 for a stage that was not reached.

    Attributes:
        embed_ms: Embedding the query, including the wait for the model.
        lexical_ms: The search by words, at the same time.
        turns_ms: The search by meaning.
        unread_chars: The characters of a long query's middle that the model did not read.
    """

    embed_ms: float = 0.0
    lexical_ms: float = 0.0
    turns_ms: float = 0.0
    unread_chars: int = 0


@dataclass(frozen=True)
class RankingOptions:
    """How turns are ranked.

    Attributes:
        ranking: 'fusion', 'cosine' (of the unchanged query and the beginning of each turn) or 'bm25'.
        dialogue: Weights for a conversation of short turns.
        assistant: Weights for a conversation with long answers of an assistant.
        candidates: Turns that the search by words and the search by meaning each return.
    """

    ranking: str
    dialogue: Weights
    assistant: Weights
    candidates: int


@dataclass(frozen=True)
class _Lexical:
    """The result of the search by words."""

    outline: Outline
    scores: LexicalScores
    weights: Weights

    def best(self, limit: int, *, equals: int | None = None) -> list[int]:
        """Return the positions of the best turns. Of equal turns, the newer ones come first.

        Args:
            limit: Turns at most.
            equals: Turns of one length and one score at most, because they may all repeat one text.
        """
        scores = self.scores.contextual if self.weights.contextual_bm25 else self.scores.bm25
        found = np.flatnonzero(scores)
        best = found[np.lexsort((-self.outline.positions[found], -scores[found]))]
        if equals is not None:
            best = best[_places_among_equals(self.scores.bm25[best] + 1j * self.outline.lengths[best]) < equals]
        return [int(position) for position in self.outline.positions[best[:limit]]]


def _places_among_equals(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each value the number of equal values before it."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    grouped = np.argsort(group, kind="stable")
    places = np.empty(len(values), dtype=np.int64)
    places[grouped] = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return places


class KnownScopes:
    """Reads the facts of scopes from PostgreSQL, and caches them for a minute."""

    def __init__(self, reader: CandidateReader) -> None:
        self._reader = reader
        self._known: TTLCache[Scope, ScopeFacts, float]
        self._known = TTLCache(maxsize=_CACHED_SCOPES, ttl=_CACHE_SECONDS, timer=time.monotonic)
        self._uses: TTLCache[tuple[Scope, str], list[NameUse], float]
        self._uses = TTLCache(maxsize=_CACHED_NAMES, ttl=_CACHE_SECONDS, timer=time.monotonic)

    async def facts(self, scope: Scope, *, speaker_count: int | None = None) -> ScopeFacts:
        """Return the facts of a scope, without speakers that have a role in place of a name.

        Args:
            scope: The scope.
            speaker_count: The number of its speakers, if known. Cached facts with another number are read again.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        known = self._known.get(scope)
        if known is None or speaker_count not in {None, known.speaker_count}:
            found = await self._reader.facts(scope)
            known = replace(found, users=_named(found.users), assistants=_named(found.assistants))
            self._known[scope] = known
        return known

    async def words(self, scope: Scope, query: str, facts: ScopeFacts) -> frozenset[Mention]:
        """Return the names in a query that are rather words, by how the scope's messages use them.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        found: set[Mention] = set()
        for mention in find_names(query, facts.users, facts.assistants):
            word = mention.word
            if word is None:
                continue
            uses = self._uses.get((scope, word))
            if uses is None:
                uses = await self._reader.name_uses(scope, word)
                if uses:
                    self._uses[scope, word] = uses
            if is_word(mention, uses, facts.users, facts.assistants):
                found.add(mention)
        return frozenset(found)


def _named(speakers: frozenset[str]) -> frozenset[str]:
    return frozenset(speaker for speaker in speakers if speaker.casefold() not in _NO_NAMES)


@dataclass(frozen=True)
class _Understood:
    """A query, its embedding, and the result of its search by words.

    Attributes:
        text: The text that was embedded and searched for.
        query: The query for the ranking.
        embedded: Its embedding, or those of its pieces.
        lexical: The result of the search by words.
    """

    text: str
    query: RankingQuery
    embedded: EmbeddedQuery
    lexical: _Lexical


class TurnSearch:
    """Searches with two statements: by words while the query is embedded, then by meaning.

    A third statement runs if the query names a period, or a speaker whose name may be another word.
    """

    def __init__(self, reader: CandidateReader, embedder: CoalescingEmbedder, options: RankingOptions) -> None:
        self._reader = reader
        self._embedder = embedder
        self._options = options
        self._scopes = KnownScopes(reader)

    async def find(
        self, scope: Scope, query: str, *, asked_at: datetime, wanted: int, beyond: int, stages: Stages
    ) -> Sequence[Ranked]:
        """Return the turns that answer a query, the best first.

        Args:
            scope: The scope to search.
            query: The query of the request.
            asked_at: The time that "last week" refers to.
            wanted: Turns that the request wants.
            beyond: Further candidates, because the selection will leave some out.
            stages: Receives the time of each stage.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
            Unembeddable: If the model fails for this query.
            ModelUnavailable: If the model fails for every text.
        """
        limit = max(self._options.candidates, wanted) + beyond
        facts = await self._scopes.facts(scope)
        if self._options.ranking == "cosine":
            return await self._by_cosine(scope, facts, query, limit, stages)
        found = await self._understand(scope, facts, query, asked_at, stages)
        if found.lexical.outline.speaker_count != facts.speaker_count:  # somebody has written for the first time
            facts = await self._scopes.facts(scope, speaker_count=found.lexical.outline.speaker_count)
            found = await self._understand(scope, facts, query, asked_at, stages, before=found)
        lexical, pieces = found.lexical, found.embedded.pieces
        stages.unread_chars = found.embedded.unread_chars
        # A query in letters that the model does not know is answered by its words alone.
        known = [vector for piece, vector in pieces.items() if not is_vector_of_unknown(vector, piece)]
        by_words_only = not known
        period = found.query.period if lexical.weights.date else None
        searches = [
            self._candidates(
                scope,
                vector,
                lexical,
                limit=limit,
                by_words_only=by_words_only,
                spans=period.spans if period else (),
                is_giant=facts.is_giant and not by_words_only,
            )
            for vector in known or list(pieces.values())[:1]
        ]
        candidates = nearest_of(await _timed(_all(searches), stages, "turns_ms"))
        if by_words_only:
            candidates = [
                candidate if candidate.cosine > _SAME_TEXT else replace(candidate, cosine=0.0)
                for candidate in candidates
            ]
        return rank(found.query, candidates, lexical.outline, lexical.scores, lexical.weights)

    async def _understand(
        self,
        scope: Scope,
        facts: ScopeFacts,
        query: str,
        asked_at: datetime,
        stages: Stages,
        *,
        before: _Understood | None = None,
    ) -> _Understood:
        """Understand a query, embed it and search by its words, unless that was done `before` for the same text."""
        words = await self._scopes.words(scope, query, facts)
        text, ranking_query = understand(query, facts.users, asked_at, assistants=facts.assistants, words=words)
        if before is not None and before.text == text:
            return replace(before, query=ranking_query)
        embedded, lexical = await asyncio.gather(
            _timed(self._embedder.embed_query(text), stages, "embed_ms"),
            _timed(self._lexical(scope, ends_first(text)), stages, "lexical_ms"),
        )
        return _Understood(text, ranking_query, embedded, lexical)

    async def _candidates(
        self,
        scope: Scope,
        embedding: NDArray[np.float32],
        lexical: _Lexical,
        *,
        limit: int,
        by_words_only: bool,
        spans: Spans,
        is_giant: bool,
    ) -> list[TurnCandidate]:
        """Return the candidates. If most of them repeat few texts, look further, at the newest turns of each text."""
        nearest = 0 if by_words_only else limit
        found = await self._reader.candidates(
            scope, embedding, lexical.best(limit), limit=nearest, spans=spans, is_giant=is_giant
        )
        texts = {candidate.content for candidate in found}
        if is_giant or len(found) < limit or len(texts) > _DISTINCT_SHARE * len(found):
            return found
        further = set(lexical.best(limit, equals=_EQUALS))
        if not by_words_only:
            further.update(await self._reader.distinct_nearest(scope, embedding, limit=limit))
        further -= {candidate.position for candidate in found}
        return found + await self._reader.candidates(scope, embedding, sorted(further), limit=0)

    async def _by_cosine(self, scope: Scope, facts: ScopeFacts, query: str, limit: int, stages: Stages) -> list[Ranked]:
        embedded = await _timed(self._embedder.embed_query(query), stages, "embed_ms")
        stages.unread_chars = embedded.unread_chars
        searches = [
            self._reader.candidates(scope, vector, (), limit=limit, by_pieces=False, is_giant=facts.is_giant)
            for vector in embedded.pieces.values()
        ]
        candidates = nearest_of(await _timed(_all(searches), stages, "turns_ms"))
        ordered = sorted(candidates, key=lambda candidate: (-candidate.cosine, -candidate.position))
        return [Ranked(candidate, candidate.cosine, {"cosine": candidate.cosine}) for candidate in ordered]

    async def _lexical(self, scope: Scope, text: str) -> _Lexical:
        outline = await self._reader.outline(scope, text)
        weights = BM25
        if self._options.ranking == "fusion":
            dialogue = len(outline.lengths) > 0 and is_dialogue(float(np.median(outline.lengths)))
            weights = self._options.dialogue if dialogue else self._options.assistant
        return _Lexical(outline, lexical_scores(outline), weights)


async def _all(searches: Sequence[Coroutine[Any, Any, list[TurnCandidate]]]) -> list[list[TurnCandidate]]:
    return await asyncio.gather(*searches)


async def _timed(
    work: Coroutine[Any, Any, ResultT], stages: Stages, stage: Literal["embed_ms", "lexical_ms", "turns_ms"]
) -> ResultT:
    """Await a stage and record its time, also if it fails."""
    started = time.monotonic()
    try:
        return await work
    finally:
        setattr(stages, stage, round((time.monotonic() - started) * 1000, 3))
