"""A place in a trace as a text, there and back."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer, get_current_span

from app.store.traces import parent_of, traceparent_of
from app.store.traces.carried import LENGTH

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_span_below_a_text_is_in_its_trace_and_has_a_text_of_its_own() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    told = traceparent_of(tracer.start_span("a", context=parent_of(GIVEN)))
    assert told is not None
    assert len(told) == LENGTH  # of the columns
    assert told[:36] == GIVEN[:36]
    assert told[36:52] != GIVEN[36:52]
    assert int(told[-2:], 16) & 1


@pytest.mark.parametrize(
    "text",
    [None, "", "00-0-0-01", GIVEN.replace("4", "g"), f"00-{'0' * 32}-00f067aa0ba902b7-01"],
)
def test_what_is_no_place_is_none(text: str | None) -> None:
    assert not get_current_span(parent_of(text)).get_span_context().is_valid


def test_a_span_that_is_not_told_has_no_place() -> None:
    assert traceparent_of(NoOpTracer().start_span("a")) is None
