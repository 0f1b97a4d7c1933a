"""Kept replies: what happens when the janitor drops one."""

from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from eunoe_consumers.memories.kept_replies import claim
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.memory_connection import Lifetime, MemoryConnection
from eunoe_schema.memory import MemoryScope
from eunoe_schema.memory.directives import RemoveDirectiveRequest

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class Dropping:
    """A connection on which the row of an earlier request disappears before it can be read."""

    async def fetchval(self, *_: object) -> None:
        """Insert nothing."""

    async def fetchrow(self, *_: object) -> None:
        """Find nothing."""


async def test_a_request_whose_kept_reply_is_dropped_meanwhile_is_tried_again() -> None:
    """The janitor may drop the reply between two statements: the error is transient, and nothing is dead-lettered."""
    tenant, agent = uuid4(), uuid4()
    scope = MemoryScope(tenant_id=tenant, agent_id=agent)
    db = MemoryConnection(cast("Connection", Dropping()), tenant, Lifetime(30, from_last_use=False), scope)
    request = RemoveDirectiveRequest(request_id="r", tenant_id=tenant, agent_id=agent, name="tone")
    with pytest.raises(StoreUnavailable):
        await claim(db, request)
