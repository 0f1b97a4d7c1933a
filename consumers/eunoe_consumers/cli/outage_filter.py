"""Log an outage of a server in one line, however many parts of the process meet it."""

import logging
import time
from collections.abc import Callable
from typing import Any, cast

_REDIS = "Redis is not reachable"
_POSTGRES = "PostgreSQL is not reachable"
# Loggers of libraries that write each failed attempt to connect with its traceback, and the server they connect to.
_LIBRARIES = {"eunoe.stream_reader": _REDIS, "asyncpg.pool": _POSTGRES}
# The parts of a process meet an outage again within seconds. A longer silence means that it has passed.
_PASSED_SECONDS = 15.0
_REMIND_SECONDS = 60.0


class OutageFilter(logging.Filter):
    """Passes the first line of an outage, and a reminder each minute. Tracebacks of connection errors are cut.

    Args:
        clock: The monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._met: dict[str, float] = {}
        self._shown: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is shown."""
        reason = _cut_traceback(record) or _waiting_for(record)
        if reason is None:
            return True
        # The same outage has several texts: the connection is closed, then refused.
        outage = next((name for name in (_REDIS, _POSTGRES) if reason.startswith(name)), reason)
        now = self._clock()
        passed = now - self._met.get(outage, -_PASSED_SECONDS) >= _PASSED_SECONDS
        self._met[outage] = now
        if not passed and now - self._shown[outage] < _REMIND_SECONDS:
            return False
        self._shown[outage] = now
        return True


def _waiting_for(record: logging.LogRecord) -> str | None:
    """Return the reason if the line says that a part of the process waits, or stops during an outage."""
    # structlog's fields are the message until the handler formats it.
    fields = cast("dict[str, Any]", record.msg) if isinstance(record.msg, dict) else {}
    event, reason = str(fields.get("event")), str(fields.get("reason"))
    stops = event.startswith("stopped with") and reason.startswith((_REDIS, _POSTGRES))
    return reason if event == "waiting" or stops else None


def _cut_traceback(record: logging.LogRecord) -> str | None:
    """Make one line of a library's traceback about a connection, and return it."""
    server = _LIBRARIES.get(record.name)
    error = record.exc_info[1] if record.exc_info else None
    if server is None or error is None or not _is_about_connection(error):
        return None
    record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    record.msg, record.args = f"{server}: {str(error) or type(error).__name__}", ()
    record.exc_info = record.exc_text = None
    return str(record.msg)


def _is_about_connection(error: BaseException) -> bool:
    # Compared by module, because an import of the drivers would slow down every command.
    return isinstance(error, OSError | EOFError) or type(error).__module__.startswith(("redis.", "asyncpg."))
