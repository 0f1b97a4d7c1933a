"""The errors of thread records. Each message says what to do next."""

from eunoe_schema.errors import EunoeError
from eunoe_schema.threads import ToolConfirmation


class ThreadError(EunoeError):
    """A thread record could not be read or changed."""


class UnreadableRecord(ThreadError):
    """A key of Eunoe contains a value that Eunoe did not write."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"{key!r} holds no record of Eunoe ({reason}): find out who writes there, and delete the key")


class StateConflict(ThreadError):
    """Another caller saved or deleted the session state after it was loaded."""

    def __init__(self, thread_id: str, expected_version: int, current_version: int) -> None:
        self.thread_id = thread_id
        self.expected_version = expected_version
        self.current_version = current_version
        super().__init__(
            f"the state of thread {thread_id!r} is at version {current_version}, not {expected_version}: "
            "load it again, repeat your change, and save"
        )


class ToolCallPending(ThreadError):
    """Another tool call of the thread is still waiting for the user's answer."""

    def __init__(self, thread_id: str, pending: ToolConfirmation) -> None:
        self.thread_id = thread_id
        self.pending = pending
        super().__init__(
            f"thread {thread_id!r} still awaits an answer about {pending.call.name!r} (call {pending.call.id!r}): "
            "wait for it, withdraw it, or ask with replace=True"
        )
