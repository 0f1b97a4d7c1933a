"""What a request finds that was answered before."""

from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from eunoe_consumers.postgres.answered_requests import AnsweredRequests
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_schema.memory import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class Dropping:
    """A connection on which the row that refuses an insert is gone before it can be read."""

    async def fetchval(self, *_: object) -> None:
        """Insert nothing."""

    async def fetchrow(self, *_: object) -> None:
        """Find nothing."""


async def test_a_reply_that_is_dropped_while_it_is_asked_for_is_asked_for_again() -> None:
    """The janitor may come between two statements: the request is tried again, and not buried."""
    requests = AnsweredRequests(cast("Connection", Dropping()))
    with pytest.raises(StoreUnavailable):
        await requests.claim(MemoryScope(tenant_id=uuid4(), user_id="ada"), "r", "0" * 64)
