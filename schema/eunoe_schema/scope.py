"""The scope that every window, turn and memory belongs to."""

from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from eunoe_schema.text import Name

# Ours alone: ids made from it can be made again from the event, by anyone, for ever. Never change it.
TURN_NAMESPACE = UUID("6f2ab1b0-3f0e-5d53-9e0f-9a3f0a6f4c11")


class Scope(BaseModel):
    """One user's conversation with one agent of one tenant; the unit of isolation.

    Attributes:
        tenant_id: The tenant; leads every key, row and predicate.
        agent_id: The agent within the tenant.
        user_id: The user's channel-native id, 1..256 characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: UUID
    agent_id: UUID
    user_id: Name

    def turn_id(self, event_id: str) -> UUID:
        """Return the id of the turn that `event_id` becomes in this scope.

        Channels number messages per chat, so an event id alone would swallow another user's message: the id is the
        UUIDv5 of tenant, agent, user and event. The user id is preceded by its length, so that no two different pairs
        of user and event spell the same name.
        """
        name = f"{self.tenant_id}:{self.agent_id}:{len(self.user_id)}:{self.user_id}:{event_id}"
        return uuid5(TURN_NAMESPACE, name)

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.agent_id}/{self.user_id}"
