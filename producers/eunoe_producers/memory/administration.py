"""`Curator.administration`: the search in a whole tenant."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from eunoe_producers.memory.client import Options, Part
from eunoe_schema.memory.administration import AdminSearchRequest, AdminSearchResult
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.read import DEFAULT_FOUND
from eunoe_schema.validation import checked


class Administration(Part):
    """Reads the memories of every agent and user of a tenant. Give it to administrators, never to an agent."""

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
        **call: Unpack[Options],
    ) -> AdminSearchResult:
        """Search the memories of a tenant, expired ones included. Give either `query` or `words`.

        Args:
            tenant_id: The tenant.
            query: The text to look for by meaning, nearest first. This search is approximate.
            words: The words that the content must contain, in upper or lower case; newest first.
            statuses: The statuses to look at; by default all of them.
            forgotten: Search the forgotten memories instead of the others.
            limit: The number of memories, 1..100.
            cursor: The cursor of the previous page, for a search by `words`.
            **call: The options of every call.
        """
        request = checked(
            AdminSearchRequest,
            **self._client.envelope(**call),
            tenant_id=tenant_id,
            query=query,
            words=words,
            statuses=tuple(statuses),
            forgotten=forgotten,
            limit=limit,
            cursor=cursor,
        )
        return await self._client.ask(request)
