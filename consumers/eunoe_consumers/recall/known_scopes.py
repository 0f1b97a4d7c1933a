"""Cache the facts of scopes for a minute. They hardly ever change."""

import time

from cachetools import TTLCache

from eunoe_consumers.postgres.candidates import CandidateReader, ScopeFacts
from eunoe_schema.scope import Scope

_SCOPES = 10_000
_SECONDS = 60.0
# Some gateways write these in place of a name.
_NO_NAMES = frozenset({"user", "assistant", "bot", "system", "ai", "agent", "human", "customer"})


class KnownScopes:
    """Reads the facts of scopes from PostgreSQL, and caches them."""

    def __init__(self, reader: CandidateReader) -> None:
        self._reader = reader
        self._known: TTLCache[Scope, ScopeFacts, float]
        self._known = TTLCache(maxsize=_SCOPES, ttl=_SECONDS, timer=time.monotonic)

    async def facts(self, scope: Scope) -> ScopeFacts:
        """Return the facts of a scope, with speakers that have a real name only.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        known = self._known.get(scope)
        if known is None:
            found = await self._reader.facts(scope)
            named = frozenset(speaker for speaker in found.speakers if speaker.casefold() not in _NO_NAMES)
            known = self._known[scope] = ScopeFacts(named, found.is_giant)
        return known
