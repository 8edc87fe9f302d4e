"""Traces are off unless an address is given; then the packages must be there."""

import subprocess
import sys

import pytest

from app.settings import Settings
from app.store.queue import Fence
from app.store.traces import tracing
from app.store.traces.attempts import attempt_span
from lathe.states import JobKind, Queue

PLACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNASKED = """
import sys
from app.settings import Settings
from app.store.traces import tracing
off = tracing(Settings(), "lathe-api")
assert not off.on and not off.tracer.start_span("a").is_recording()
assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
"""


def test_without_an_address_nothing_is_told_and_no_sdk_is_loaded() -> None:
    subprocess.run([sys.executable, "-c", UNASKED], check=True)


def test_an_empty_address_is_none() -> None:
    assert Settings(traces_url="").traces_url is None


def test_an_address_without_the_packages_ends_the_start_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("app.store.traces.exp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(SystemExit, match=r"LATHE_TRACES_URL: .*requirements/traces\.txt"):
        tracing(Settings(traces_url="http://127.0.0.1:4318"), "lathe-api")


def test_two_processes_give_one_attempt_the_same_span() -> None:
    told = []
    for service, attempt in (("lathe-worker", 2), ("lathe-sweep", 2), ("lathe-worker", 3)):
        traces = tracing(Settings(traces_url="http://127.0.0.1:1"), service)
        span = attempt_span(
            traces.tracer,
            Fence("job_1", attempt),
            PLACE,
            queue=Queue.CPU,
            kind=JobKind.INSPECT,
            project_id="prj_a",
            began_ns=5,
        )
        told.append(span.get_span_context())
        other = traces.tracer.start_span("another").get_span_context()
        assert other.span_id != told[-1].span_id
    assert {f"{each.trace_id:032x}" for each in told} == {PLACE[3:35]}
    assert told[0].span_id == told[1].span_id != told[2].span_id


def test_a_share_of_nothing_tells_nothing_but_what_a_parent_asks_for() -> None:
    settings = Settings(traces_url="http://127.0.0.1:1", traces_share=0.0)
    traces = tracing(settings, "lathe-api")
    own = traces.tracer.start_span("a").get_span_context()
    assert own.is_valid
    assert not own.trace_flags.sampled
