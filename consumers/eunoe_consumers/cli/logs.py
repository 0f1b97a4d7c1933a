"""Logging of long-running processes: structlog renders the lines of all libraries to standard error."""

import logging
import sys

import structlog

from eunoe_consumers.cli.console import escape_controls
from eunoe_consumers.cli.outage_filter import OutageFilter
from eunoe_consumers.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send every log line through one renderer."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Before a renderer, because the renderer writes escape sequences of its own for colours.
    escaped: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, _escape_values]
    # Tracebacks without local variables, which could write users' conversations into the logs.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    renderer: list[structlog.typing.Processor] = (
        [tracebacks, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            *escaped,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OutageFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _escape_values(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Show control characters of texts escaped; a traceback keeps its lines."""
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = escape_controls(value, keep="\n\t" if name == "exception" else "")
    return fields
