"""Names of the shared streams, their consumer groups and what stands beside them."""

from enum import StrEnum

DATA_FIELD = "__data__"  # the one field of an entry: JSON of a model of the contract


class Subject(StrEnum):
    """What a stream carries."""

    MESSAGES = "messages"
    RECALL = "recall"
    MEMORY = "memory"


class Group(StrEnum):
    """The consumer groups; each is the role of the processes that serve it."""

    WINDOW = "window"
    EMBED = "embed"
    RECALL = "recall"
    CURATE = "curate"

    @property
    def subject(self) -> Subject:
        """The subject whose stream this group reads."""
        match self:
            case Group.RECALL:
                return Subject.RECALL
            case Group.CURATE:
                return Subject.MEMORY
            case _:
                return Subject.MESSAGES

    @property
    def keeps_entries(self) -> bool:
        """Whether an entry stays on the stream when it is done; a request that was answered does not."""
        return self.subject is Subject.MESSAGES


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
