"""The roles that a process can have: the consumer groups, and the janitor, which reads no stream."""

from enum import StrEnum

from eunoe_schema.streams import Group


class ProcessRole(StrEnum):
    """What `eunoe consume` runs; any number of processes may have each."""

    WINDOW = Group.WINDOW
    EMBED = Group.EMBED
    RECALL = Group.RECALL
    CURATE = Group.CURATE
    JANITOR = "janitor"

    @property
    def group(self) -> Group | None:
        """The consumer group that it serves."""
        return None if self is ProcessRole.JANITOR else Group(self.value)
