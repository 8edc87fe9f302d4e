"""Span ids that two processes agree on without having spoken."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHOSEN: ContextVar[int | None] = ContextVar("chosen_span_id", default=None)


@contextmanager
def chosen_span_id(span_id: int) -> Iterator[None]:
    """The span that is begun within has this id."""
    token = _CHOSEN.set(span_id)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen() -> int | None:
    """The id that was chosen for the span that begins now, if one was."""
    return _CHOSEN.get()
