"""Names of the shared streams, their consumer groups and what stands beside them."""

from enum import StrEnum

DATA_FIELD = "__data__"  # the one field of an entry: JSON of a model of the contract


class Subject(StrEnum):
    """What a stream carries."""

    MESSAGES = "messages"
    RECALL = "recall"


class Group(StrEnum):
    """The consumer groups; each is the role of the processes that serve it."""

    WINDOW = "window"
    EMBED = "embed"
    RECALL = "recall"

    @property
    def subject(self) -> Subject:
        """The subject whose stream this group reads."""
        return Subject.RECALL if self is Group.RECALL else Subject.MESSAGES


def stream(subject: Subject, partition: int = 0) -> str:
    """Return the name of a subject's stream; the only place where one is made.

    Partition 0 carries the bare name: more partitions can be added beside it later.
    """
    return f"eunoe:{subject}" if partition == 0 else f"eunoe:{subject}:{partition}"


def dead_letters(group: Group) -> str:
    """Return the name of the stream that holds what `group` could not process."""
    return f"eunoe:dead:{group}"


def trials(group: Group) -> str:
    """Return the name of the hash that counts, by entry id, how often a suspected entry has run alone."""
    return f"eunoe:trials:{group}"


def reply_channel(client: str) -> str:
    """Return the pub/sub channel on which one client receives its replies."""
    return f"eunoe:reply:{client}"
