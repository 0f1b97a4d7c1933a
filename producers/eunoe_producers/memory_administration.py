"""An administrator's view of a tenant's memories."""

from collections.abc import Sequence
from uuid import UUID

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.administration import AdminSearchRequest, AdminSearchResult
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.read import DEFAULT_FOUND


class Administration:
    """Crosses every agent and user of one tenant: for people who may, and for no agent."""

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def search(
        self,
        tenant_id: UUID,
        query: str | None = None,
        *,
        words: str | None = None,
        statuses: Sequence[Status] = (),
        forgotten: bool = False,
        limit: int = DEFAULT_FOUND,
        cursor: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> AdminSearchResult:
        """Return memories of a tenant, whoever they belong to, those that have lapsed too.

        Args:
            tenant_id: The tenant.
            query: What to look for by meaning, the nearest first; approximate.
            words: Instead: each of them stands in the content, in any case; the newest first.
            statuses: Any of these; every status where there is none.
            forgotten: Those that were forgotten, instead of those that are remembered.
            limit: How many at most, 1..100.
            cursor: With `words`: where to go on, from the page before.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            AdminSearchRequest,
            None,
            None,
            deadline,
            tenant_id=tenant_id,
            query=query,
            words=words,
            statuses=tuple(statuses),
            forgotten=forgotten,
            limit=limit,
            cursor=cursor,
        )
        return await self._requests.ask(request)
