"""A worker's logs: one JSON object a line on stderr, as the API's."""

import logging
import sys

import structlog
from opentelemetry.trace import get_current_span
from structlog.typing import EventDict, WrappedLogger

from worker.settings import Settings

# Without the values of variables: secrets are among them.
_TRACES = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure(settings: Settings) -> None:
    """Send every library's records through one handler; what celery says on its way to
    warnings is left out."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _in_trace,
    ]
    rendering: list[structlog.typing.Processor] = (
        [_TRACES, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendering,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("celery", "kombu", "amqp", "httpx", "httpcore"):  # httpx tells whole URLs
        logging.getLogger(name).setLevel(logging.WARNING)


def _in_trace(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A line that is written while an attempt is traced carries the trace's id."""
    context = get_current_span().get_span_context()
    if context.trace_flags.sampled:
        line["trace_id"] = f"{context.trace_id:032x}"
    return line
