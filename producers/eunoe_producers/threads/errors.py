"""What can go wrong with a thread's records. Each says what to do."""

from eunoe_schema.errors import EunoeError
from eunoe_schema.threads import ToolConfirmation


class ThreadError(EunoeError):
    """A thread's record could not be read or changed."""


class UnreadableRecord(ThreadError):
    """A key of the catalogue holds something that Eunoe did not write."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"{key!r} holds no record of Eunoe's ({reason}): see who writes there, and delete it")


class StateConflict(ThreadError):
    """Somebody else saved or deleted the session state since it was loaded."""

    def __init__(self, thread_id: str, expected_version: int, current_version: int) -> None:
        self.thread_id = thread_id
        self.expected_version = expected_version
        self.current_version = current_version
        super().__init__(
            f"the state of thread {thread_id!r} is at version {current_version}, not {expected_version}: "
            "load it again, apply your change to that, and save"
        )


class ToolCallPending(ThreadError):
    """Another tool call of the thread still awaits the user's answer."""

    def __init__(self, thread_id: str, pending: ToolConfirmation) -> None:
        self.thread_id = thread_id
        self.pending = pending
        super().__init__(
            f"thread {thread_id!r} still awaits an answer about {pending.call.name!r} (call {pending.call.id!r}): "
            "wait for it, withdraw it, or ask with replace=True"
        )
