"""Structured logs: one JSON object a line, with the request's and the job's id.

Values that could carry a secret never get here: keys travel in a header, and no header and no
body is logged. Our own lines go straight to stderr, as one is written for every request; the
records of libraries take the way of `logging` to the same place.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

_FACTS: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class _JsonLines(structlog.BytesLogger):
    """Writes lines that are bytes to stderr."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr.buffer)
        self.name = name


class _ConsoleLines(structlog.WriteLogger):
    """Writes lines that are text to stderr."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


def configure(*, log_format: Literal["json", "console"], level: str) -> None:
    """Send structlog's and every library's records through the same lines on stderr."""
    as_json = log_format == "json"
    tail = _json() if as_json else _console()
    structlog.configure(
        processors=[*_FACTS, *tail],
        logger_factory=_JsonLines if as_json else _ConsoleLines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_FACTS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_json(text=True) if as_json else tail),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True  # `app.http.edge` writes that line


def log(name: str) -> FilteringBoundLogger:
    """A logger of that name; give it events as short words and values as keywords."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


# Without the values of variables: keys and bodies are among them.
_traces = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _json(*, text: bool = False) -> tuple[Processor, ...]:
    """`logging` takes lines as text, structlog's own logger as bytes."""
    dumps: Callable[..., str | bytes] = _as_text if text else _as_bytes
    return _traces, structlog.processors.JSONRenderer(dumps)


def _console() -> tuple[Processor, ...]:
    return (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    )


def _as_bytes(line: dict[str, Any], default: Callable[[Any], Any]) -> bytes:
    return orjson.dumps(line, default=default, option=orjson.OPT_NON_STR_KEYS)


def _as_text(line: dict[str, Any], default: Callable[[Any], Any]) -> str:
    return _as_bytes(line, default).decode()
