"""What a search has to know of a scope beforehand, remembered for a minute: it hardly ever changes."""

import time

from cachetools import TTLCache

from eunoe_consumers.postgres.candidates import CandidateReader, ScopeFacts
from eunoe_schema.scope import Scope

_SCOPES = 10_000
_SECONDS = 60.0
# What some gateways write in place of a name: it names nobody.
_ROLES = frozenset({"user", "assistant", "bot", "system", "ai", "agent", "human", "customer"})


class KnownScopes:
    """Asks PostgreSQL for the facts of a scope, and remembers them."""

    def __init__(self, reader: CandidateReader) -> None:
        self._reader = reader
        self._known: TTLCache[Scope, ScopeFacts, float]
        self._known = TTLCache(maxsize=_SCOPES, ttl=_SECONDS, timer=time.monotonic)

    async def facts(self, scope: Scope) -> ScopeFacts:
        """Return the facts of a scope; as speakers only those who have a name.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        known = self._known.get(scope)
        if known is None:
            found = await self._reader.facts(scope)
            named = frozenset(speaker for speaker in found.speakers if speaker.casefold() not in _ROLES)
            known = self._known[scope] = ScopeFacts(named, found.is_giant)
        return known
