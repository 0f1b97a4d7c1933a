"""The sliding window of a scope: a Redis list of JSON objects, the oldest message first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.delivery.removed_tenants import removed_field
from eunoe_consumers.errors import PermanentError
from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.lua import register_lua
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope
from eunoe_schema.streams import Subject

# Lua's unpack takes at most 8,000 values, so a large batch is appended in parts.
_MESSAGES_PER_CALL = 500
_ABSENT, _REMOVED = -1, -2  # append.lua returns these in place of a length


@dataclass(frozen=True)
class Appended:
    """The result of an append.

    Attributes:
        conflicts: The ids of entries that were left out because their event id names another message in the window.
    """

    conflicts: frozenset[str]


class TenantRemoved(PermanentError):
    """The tenant was removed after its messages were published."""


class Windows:
    """The windows of all scopes.

    Args:
        redis: A client.
        size: Messages that a window holds.
    """

    def __init__(self, redis: Redis, *, size: int) -> None:
        self.size = size
        self._redis = redis
        self._append = register_lua(redis, "eunoe_consumers.window", "append")

    async def append(
        self, scope: Scope, messages: Sequence[WindowMessage], *, loaded: Sequence[WindowMessage] | None = None
    ) -> Appended | None:
        """Append messages, each once and in stream order.

        Args:
            scope: The scope.
            messages: The new messages, in any order.
            loaded: The last turns of the scope, once they have been loaded from PostgreSQL.

        Returns:
            None if the window is absent and `loaded` is None. Then load the last turns and call again.

        Raises:
            TenantRemoved: If the tenant is no longer registered.
            WrongKeyType: If the key does not hold a list.
            RedisNotReady: If Redis failed.
        """
        bodies = [encode(message) for message in (*(loaded or ()), *messages)]
        key = keys.window(scope)
        head = [
            self.size,
            "" if loaded is None else "1",
            str(scope.tenant_id),
            keys.REGISTRY_MARK,
            removed_field(scope.tenant_id, Subject.MESSAGES),
        ]
        conflicts: set[str] = set()
        with redis_wrapped():
            for start in range(0, len(bodies), _MESSAGES_PER_CALL):
                part = bodies[start : start + _MESSAGES_PER_CALL]
                reply = await self._append([key, keys.TENANTS, keys.REMOVED_TENANTS], [*head, *part])
                length, *others = cast("tuple[int, *tuple[bytes, ...]]", reply)
                if length == _ABSENT:
                    return None
                if length == _REMOVED:
                    raise TenantRemoved(f"tenant_id: {scope.tenant_id} was removed")
                conflicts.update(entry_id.decode() for entry_id in others)
        return Appended(frozenset(message.id for message in messages if message.id in conflicts))

    async def read(self, scope: Scope) -> list[WindowMessage]:
        """Return the messages of a window, the oldest first.

        Raises:
            WrongKeyType: If the key does not hold a list.
            RedisNotReady: If Redis failed.
        """
        with redis_wrapped():
            bodies = cast("list[bytes]", await self._redis.lrange(keys.window(scope), -self.size, -1))
        return [message for body in bodies if (message := _parse(body))]


def _parse(body: bytes) -> WindowMessage | None:
    """Parse an element of the list. Return None if another program wrote it, and it is not a message."""
    try:
        return WindowMessage.model_validate_json(body)
    except ValidationError:
        return None
