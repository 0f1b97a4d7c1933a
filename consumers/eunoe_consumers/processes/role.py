"""The roles of a process: one per consumer group, and the janitor, which reads no stream."""

from enum import StrEnum

from eunoe_schema.streams import Group


class ProcessRole(StrEnum):
    """A role that `eunoe consume` runs. Any number of processes may have the same role."""

    WINDOW = Group.WINDOW
    EMBED = Group.EMBED
    RECALL = Group.RECALL
    CURATE = Group.CURATE
    JANITOR = "janitor"

    @property
    def group(self) -> Group | None:
        """The consumer group that the role serves."""
        return None if self is ProcessRole.JANITOR else Group(self.value)
