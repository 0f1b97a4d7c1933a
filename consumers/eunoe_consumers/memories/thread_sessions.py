"""What gateways know of a thread's session, and must not go on with once it is closed."""

from uuid import UUID

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema import keys
from eunoe_schema.lua import register_lua
from eunoe_schema.memory.sessions import Session
from eunoe_schema.scope import Scope


class ThreadSessions:
    """The sessions that messages without one are put into."""

    def __init__(self, redis: Redis) -> None:
        self._leave = register_lua(redis, "eunoe_consumers.memories", "leave_session")

    async def leave(self, tenant_id: UUID, session: Session) -> None:
        """Let the thread's next message begin a session of its own, if the thread is in this one still.

        Raises:
            TransientError: If Redis cannot be reached.
        """
        scope = Scope(tenant_id=tenant_id, agent_id=session.agent_id, user_id=session.user_id)
        with redis_wrapped():
            key = keys.current_session(scope, session.thread_id or "")
            await self._leave([key], [session.session_id])
