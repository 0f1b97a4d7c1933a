"""The scope: the unit of isolation of windows, turns and memories."""

from uuid import UUID, uuid5

from eunoe_schema.contract import ContractModel
from eunoe_schema.text import Name

# Part of every stored turn id. A change would give all stored turns new ids, and every message would be stored twice.
TURN_NAMESPACE = UUID("6f2ab1b0-3f0e-5d53-9e0f-9a3f0a6f4c11")


class Scope(ContractModel):
    """One user's conversation with one agent of one tenant."""

    tenant_id: UUID
    """The tenant. Every key, row and predicate begins with it."""
    agent_id: UUID
    """The agent, which belongs to the tenant."""
    user_id: Name
    """The id of the user in the channel, 1..256 characters."""

    def turn_id(self, event_id: str) -> UUID:
        """Return the id of the turn that stores the event `event_id` of this scope.

        Channels number messages per chat, so two users may have the same event id. The turn id is therefore the UUIDv5
        of tenant, agent, user and event. The length before the user id keeps two different pairs of user and event
        from making the same name.
        """
        name = f"{self.tenant_id}:{self.agent_id}:{len(self.user_id)}:{self.user_id}:{event_id}"
        return uuid5(TURN_NAMESPACE, name)

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.agent_id}/{self.user_id}"
