"""The size of a storm and its faults."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """A fault in a running system.

    Attributes:
        KILL: A consumer with entries in flight is killed with -9.
        STOP: A consumer with entries in flight gets SIGTERM.
        FREEZE: A consumer with entries in flight gets SIGSTOP until others have claimed its entries, then SIGCONT.
        KILLER: A message is published that ends each process which embeds it.
        REDIS_KILL: Redis is killed with -9 and started again.
        POSTGRES_KILL: Every process of PostgreSQL is killed with -9, and it is started again.
        POSTGRES_REFUSAL: PostgreSQL ends all connections and refuses new ones for a while.
    """

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    KILLER = "killer"
    REDIS_KILL = "redis_kill"
    POSTGRES_KILL = "postgres_kill"
    POSTGRES_REFUSAL = "postgres_refusal"

    @property
    def of_server(self) -> bool:
        """Whether the fault hits a server instead of a consumer."""
        return self in {Fault.REDIS_KILL, Fault.POSTGRES_KILL, Fault.POSTGRES_REFUSAL}


@dataclass(frozen=True)
class Plan:
    """A storm's size.

    Attributes:
        events: The minimum number of events. More are published if the faults take longer.
        scopes: The number of conversations.
        faults: The number of times of each fault.
        refusal_seconds: How long PostgreSQL refuses connections.
        events_per_second: How fast the two gateways publish together.
        duplicate_share: Share of the events that are published again.
        poison_share: Share of the entries that no group, or not every group, can process.
        seed: The seed of all random choices.
    """

    events: int
    scopes: int
    faults: Mapping[Fault, int]
    refusal_seconds: float
    events_per_second: float = 120.0
    duplicate_share: float = 0.05
    poison_share: float = 0.01
    seed: int = 7


FULL = Plan(
    events=20_000,
    scopes=500,
    faults={
        Fault.KILL: 20,
        Fault.STOP: 20,
        Fault.FREEZE: 10,
        Fault.KILLER: 3,
        Fault.REDIS_KILL: 3,
        Fault.POSTGRES_KILL: 3,
        Fault.POSTGRES_REFUSAL: 1,
    },
    refusal_seconds=10.0,
)
SHORT = Plan(
    events=3_000,
    scopes=60,
    faults={
        Fault.KILL: 4,
        Fault.STOP: 4,
        Fault.FREEZE: 2,
        Fault.KILLER: 1,
        Fault.REDIS_KILL: 1,
        Fault.POSTGRES_KILL: 1,
        Fault.POSTGRES_REFUSAL: 1,
    },
    refusal_seconds=3.0,
)
