"""The sliding window of a scope: a Redis list of JSON objects, oldest first."""

from collections.abc import Sequence
from typing import cast

from pydantic import ValidationError
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.errors import PermanentError
from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.lua import register_lua
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope

# Lua's unpack takes a few thousand values; a batch of one scope is appended in parts of this many.
_MESSAGES_PER_CALL = 500
_ABSENT, _REMOVED = -1, -2  # what append.lua returns in place of a length


class TenantRemoved(PermanentError):
    """The tenant was removed while its messages were on their way."""


class Windows:
    """Reads and appends to the windows of all scopes."""

    def __init__(self, redis: Redis, *, size: int) -> None:
        self.size = size
        self._redis = redis
        self._append = register_lua(redis, "eunoe_consumers.window", "append")

    async def append(
        self, scope: Scope, messages: Sequence[WindowMessage], *, loaded: Sequence[WindowMessage] | None = None
    ) -> bool:
        """Append messages, each once and in stream order.

        Args:
            scope: Whose window.
            messages: New messages, in any order.
            loaded: The scope's last turns, once they have been loaded from the durable store.

        Returns:
            False where the window is absent and `loaded` is None: load them and call again.

        Raises:
            TenantRemoved: If the tenant is registered no longer.
            WrongKeyType: If the key holds something else than a list.
            RedisUnavailable: If Redis failed.
        """
        bodies = [encode(message) for message in (*(loaded or ()), *messages)]
        key = keys.window(scope)
        with redis_wrapped():
            for start in range(0, len(bodies), _MESSAGES_PER_CALL):
                part = bodies[start : start + _MESSAGES_PER_CALL]
                head = [self.size, "" if loaded is None else "1", str(scope.tenant_id), keys.REGISTRY_MARK]
                held = await self._append([key, keys.TENANTS], [*head, *part])
                if held == _ABSENT:
                    return False
                if held == _REMOVED:
                    msg = f"tenant_id: {scope.tenant_id} was removed"
                    raise TenantRemoved(msg)
        return True

    async def read(self, scope: Scope, count: int | None = None) -> list[WindowMessage]:
        """Return the last `count` messages, oldest first; all of them for None, none of an empty window.

        Raises:
            WrongKeyType: If the key holds something else than a list.
            RedisUnavailable: If Redis failed.
        """
        if count == 0:
            return []
        with redis_wrapped():
            bodies = cast("list[bytes]", await self._redis.lrange(keys.window(scope), -(count or self.size), -1))
        return [message for body in bodies if (message := _parsed(body))]


def _parsed(body: bytes) -> WindowMessage | None:
    """Return an element; None for what another writer put there and is no message."""
    try:
        return WindowMessage.model_validate_json(body)
    except ValidationError:
        return None
