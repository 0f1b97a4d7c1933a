"""Which requests were answered, and how: what makes each of them happen once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class RequestQueries(QueryFile, file="memory_requests"):
    """The statements of memory_requests.sql."""

    claim_request: str
    read_reply: str
    keep_reply: str
    empty_replies: str


@dataclass(frozen=True)
class KeptReply:
    """What was answered before under a request's id.

    Attributes:
        body_hash: SHA-256 of what was asked.
        reply: The reply's JSON.
    """

    body_hash: str
    reply: str


class AnsweredRequests:
    """The table `memory_requests`, in the transaction of the request itself."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def claim(self, scope: MemoryScope, request_id: str, body_hash: str) -> KeptReply | None:
        """Take a request up; return what was answered where that was done before.

        A rival with the same id, in another process, waits until the first is committed or undone.

        Raises:
            StoreUnavailable: If what was answered is dropped meanwhile.
        """
        taken = await self._connection.fetchval(
            RequestQueries.claim_request, scope.tenant_id, request_id, body_hash, scope.agent_id, scope.user_id
        )
        if taken is not None:
            return None
        row = await self._connection.fetchrow(RequestQueries.read_reply, scope.tenant_id, request_id)
        if row is None:  # what refused the insert was committed, and has been dropped since
            msg = f"what was answered to {request_id!r} was dropped at this moment"
            raise StoreUnavailable(msg)
        return KeptReply(row["body_hash"], row["reply"])

    async def keep(self, tenant_id: UUID, request_id: str, reply: str, memory_ids: Collection[UUID]) -> None:
        """Keep the reply of a request that was taken up.

        Args:
            tenant_id: The tenant.
            request_id: The request's.
            reply: Its JSON.
            memory_ids: Of the memories that it quotes.
        """
        await self._connection.execute(RequestQueries.keep_reply, tenant_id, request_id, reply, list(memory_ids))

    async def empty(self, tenant_id: UUID, memory_id: UUID, problem: str) -> None:
        """Put a problem, as JSON, in place of every kept reply that quotes a memory which is purged."""
        await self._connection.execute(RequestQueries.empty_replies, tenant_id, memory_id, problem)
