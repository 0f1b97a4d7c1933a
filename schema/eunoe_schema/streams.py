"""The streams, their consumer groups, and the keys beside them."""

from enum import StrEnum

DATA_FIELD = "__data__"  # the only field of an entry: an event or a request as JSON


class Subject(StrEnum):
    """The subjects. Each has its own stream."""

    MESSAGES = "messages"
    RECALL = "recall"
    MEMORY = "memory"


class Group(StrEnum):
    """The consumer groups. Each has a process role of the same name."""

    WINDOW = "window"
    EMBED = "embed"
    RECALL = "recall"
    CURATE = "curate"

    @property
    def subject(self) -> Subject:
        """The subject whose stream the group reads."""
        match self:
            case Group.RECALL:
                return Subject.RECALL
            case Group.CURATE:
                return Subject.MEMORY
            case _:
                return Subject.MESSAGES

    @property
    def keeps_entries(self) -> bool:
        """Whether processed entries stay on the stream. Messages stay for replays; answered requests are removed."""
        return self.subject is Subject.MESSAGES


def stream(subject: Subject, partition: int = 0) -> str:
    """Return the name of a stream. Partition 0 has no number in its name, so that partitions can be added later."""
    return f"eunoe:{subject}" if partition == 0 else f"eunoe:{subject}:{partition}"


def dead_letters(group: Group) -> str:
    """Return the name of the stream that holds the dead letters of a group."""
    return f"eunoe:dead:{group}"


def isolated_attempts(group: Group) -> str:
    """Return the key of the hash that counts isolated attempts by entry id."""
    return f"eunoe:trials:{group}"


def reply_channel(client: str) -> str:
    """Return the name of the pub/sub channel on which a client receives replies."""
    return f"eunoe:reply:{client}"
