"""This process's tracer: one that tells a collector, or one that does nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opentelemetry.trace import NoOpTracer, Tracer

from app.store.settings import SharedSettings


def _nothing() -> None:
    """There is nothing to end."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """`on` is False where nobody is told; `take_dropped` gives the spans that were lost since
    it was asked, by why."""

    tracer: Tracer = field(default_factory=NoOpTracer)
    on: bool = False
    take_dropped: Callable[[], Mapping[str, int]] = dict
    end: Callable[[], None] = _nothing


def tracing(settings: SharedSettings, service: str) -> Tracing:
    """What the settings ask for. `service` is the process's part, as in lathe-api.

    A collector without the packages that speak to it ends the start with one line.
    """
    if settings.traces_url is None:
        return Tracing()
    try:
        from app.store.traces.exporting import exporting  # noqa: PLC0415 - optional packages
    except ImportError as error:
        raise SystemExit(
            f"LATHE_TRACES_URL: {error.name} is not installed; add the packages of "
            "requirements/traces.txt, or unset it"
        ) from error
    set_up = exporting(settings.traces_url, service, settings.traces_share)
    return Tracing(
        tracer=set_up.provider.get_tracer("lathe"),
        on=True,
        take_dropped=set_up.queue.take_dropped,
        end=set_up.provider.shutdown,
    )
