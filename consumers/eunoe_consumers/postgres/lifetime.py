"""How long a memory lives where nobody said."""

from typing import NamedTuple, Self

from eunoe_consumers.postgres.settings import MemoryLifetimeSettings


class Lifetime(NamedTuple):
    """What an operator decides; the last two arguments of every statement that asks whether a memory has lapsed.

    Attributes:
        task_days: How long a task memory lives; personal and project memories live until somebody says otherwise.
        from_last_use: Counted from its last use instead of its making.
    """

    task_days: int
    from_last_use: bool

    @classmethod
    def of(cls, settings: MemoryLifetimeSettings) -> Self:
        """Return the lifetime that the settings name."""
        return cls(settings.memory_task_days, from_last_use=settings.memory_task_expires_from == "last_use")
