"""Event streams that are opened to be held: nobody reads them, or nobody closes them."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from app.http.protocol import Protocol
from app.store import feed
from app.store.db import sessions, sync_engine
from tests.redteam.conftest import MOST_STREAMS, Without
from tests.redteam.door import Door
from tests.redteam.requests.test_endless import refused
from tests.redteam.requests.wire import head

MIB = 1 << 20
EVENTS, EVENT_BYTES = 1200, 10_000
PATIENT_S = 600
CUT_OFF_S = 20  # the service of the suite waits for 2 s, and a busy machine for more
READERS = 20
SSE = "Accept: text/event-stream"


@contextmanager
def queued(door: Door, model: str) -> Iterator[str]:
    """A job that never begins, as nobody works for its queue."""
    spec = {
        "model": model,
        "pipeline": [{"technique": "quantize.dynamic"}],
        "resources": {"device": "cuda"},
    }
    made = door.http.post("/v1/jobs", json=spec)
    assert made.status_code == 202, made.text
    job_id: str = made.json()["id"]
    yield job_id
    door.http.post(f"/v1/jobs/{job_id}/cancel")


@pytest.fixture(scope="module")
def waiting(door: Door, model: str) -> Iterator[str]:
    with queued(door, model) as job_id:
        yield job_id


@pytest.fixture(scope="module")
def talkative(door: Door, model: str) -> Iterator[str]:
    """Another, with 12 MB of events."""
    with queued(door, model) as job_id:
        engine = sync_engine(f"sqlite:///{door.data / 'lathe.db'}")
        with sessions(engine).begin() as session:
            for _ in range(EVENTS):
                feed.append(session, job_id, "said", {"text": "a" * EVENT_BYTES})
        engine.dispose()
        yield job_id


@contextmanager
def opened(door: Door, job_id: str) -> Iterator[socket.socket]:
    """A stream of which nothing is read, by somebody with little room."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(door.address)
        line.settimeout(5)
        line.sendall(head("GET", f"/v1/jobs/{job_id}/events", door.key, SSE))
        yield line


def is_cut(line: socket.socket) -> bool:
    """Whether the service has broken the connection off; reads what lies there."""
    try:
        while line.recv(MIB):
            continue
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def api(data: Path) -> psutil.Process:
    """The process of the service that serves HTTP."""
    return next(
        process
        for process in psutil.process_iter()
        if "app.serve" in process.cmdline()
        and process.environ().get("LATHE_DATABASE_URL", "").endswith(str(data / "lathe.db"))
    )


class TestStreamThatNobodyReads:
    """Event streams of which nothing is read while a job has megabytes of events to tell"""

    seen = "the connection is cut; the log says `too_slow`"
    guard = (
        "64 KiB at most lie ready for a connection; `LATHE_READER_IDLE_S` and "
        "`LATHE_SLOWEST_BYTES_PER_S`"
    )

    def test_memory_stays_and_the_connections_are_cut(self, door: Door, talkative: str) -> None:
        process, before = api(door.data), (door.data / "logs" / "api.log").stat().st_size
        began_bytes = process.memory_info().rss
        with ExitStack() as stack:
            lines = [stack.enter_context(opened(door, talkative)) for _ in range(READERS)]
            ours = {line.getsockname()[1] for line in lines}
            most_bytes, deadline = 0, time.monotonic() + CUT_OFF_S
            while any(
                each.raddr and each.raddr.port in ours
                for each in process.net_connections("tcp")
            ):
                assert time.monotonic() < deadline
                most_bytes = max(most_bytes, process.memory_info().rss)
                time.sleep(0.1)
            assert all(is_cut(line) for line in lines)
        assert most_bytes - began_bytes < READERS * EVENTS * EVENT_BYTES / 4
        said = (door.data / "logs" / "api.log").read_text()[before:]
        cut = [line for line in said.splitlines() if "cut off, too_slow" in line]
        assert len(cut) == READERS
        assert all(f"/v1/jobs/{talkative}/events" in line for line in cut)

    def test_it_stays_open_without_the_guard(self, without: Without, talkative: str) -> None:
        with without(reader_idle_s=PATIENT_S) as bare, opened(bare, talkative) as line:
            time.sleep(CUT_OFF_S / 2)
            assert not is_cut(line)

    def test_all_of_it_is_held_in_memory_without_the_guard(
        self, without: Without, talkative: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full: list[Protocol] = []

        def go_on(self: Protocol) -> None:
            full.append(self)

        monkeypatch.setattr(Protocol, "pause_writing", go_on)
        with without() as bare, opened(bare, talkative):
            deadline = time.monotonic() + CUT_OFF_S
            while not full or full[0].transport.get_write_buffer_size() < 4 * MIB:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def heard_on(line: socket.socket) -> bytes:
    """The head of an answer, and all of one that is no stream."""
    heard = b""
    while b"\r\n\r\n" not in heard or not heard.startswith(b"HTTP/1.1 200 "):
        if not (data := line.recv(4096)):
            break
        heard += data
    return heard


def answers(door: Door, job_id: str, count: int) -> list[bytes]:
    """How that many streams begin that nobody closes before the last is open."""
    with ExitStack() as stack:
        lines = [stack.enter_context(opened(door, job_id)) for _ in range(count)]
        return [heard_on(line) for line in lines]


class TestCrowdOfStreams:
    """One project that opens event streams without end, and closes none"""

    seen = "429, `too_many_streams`"
    guard = "`LATHE_MAX_STREAMS`"
    more: int = 5

    def test_it_is_refused_by_name_and_others_have_theirs(
        self, door: Door, victim: Door, waiting: str
    ) -> None:
        with ExitStack() as stack:
            lines = [
                stack.enter_context(opened(door, waiting))
                for _ in range(MOST_STREAMS + self.more)
            ]
            heard = [heard_on(line) for line in lines]
            others = heard_on(stack.enter_context(opened(victim, waiting)))
        assert sum(one.startswith(b"HTTP/1.1 200 ") for one in heard) == MOST_STREAMS
        refusals = [one for one in heard if not one.startswith(b"HTTP/1.1 200 ")]
        assert all(one.startswith(b"HTTP/1.1 429 ") for one in refusals)
        assert {refused(one) for one in refusals} == {"too_many_streams"}
        assert refused(others) == "not_found"  # the job is not theirs, their place would be
        deadline = time.monotonic() + CUT_OFF_S
        while not answers(door, waiting, 1)[0].startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < deadline  # who closed theirs has places again
            time.sleep(0.2)

    def test_all_of_them_are_open_without_the_guard(
        self, without: Without, waiting: str
    ) -> None:
        with without(max_streams=100_000) as bare:
            heard = answers(bare, waiting, MOST_STREAMS + self.more)
        assert all(one.startswith(b"HTTP/1.1 200 ") for one in heard)
