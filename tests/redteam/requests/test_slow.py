"""Clients that hold a connection for as long as they are let."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.redteam.conftest import Without
from tests.redteam.door import Door
from tests.redteam.requests.wire import head, spoken
from tests.services.worker.nets import perceptron

LONG_S = 5  # the service of the suite waits for 2 s
PATIENT_S = 600


def dripping(content: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield content


class TestSlowHeaders:
    """Headers that come one byte a quarter of a second, before any key is shown"""

    seen = "408, `too_slow`"
    guard = "`LATHE_HEAD_TIMEOUT_S`"

    def pieces(self) -> Iterator[bytes]:
        yield b"GET /v1/models HTTP/1.1\r\nHost: lathe\r\nX-Slow: "
        yield from dripping(b"a", 4 * LONG_S)

    def test_the_connection_is_ended_by_name(self, door: Door) -> None:
        heard, ended = spoken(door.address, self.pieces(), every_s=0.25, within_s=LONG_S)
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["code"] == "too_slow"
        assert ended

    def test_it_stays_open_without_the_guard(self, without: Without) -> None:
        with without(head_timeout_s=PATIENT_S) as bare:
            heard, ended = spoken(bare.address, self.pieces(), every_s=0.25, within_s=LONG_S)
        assert (heard, ended) == (b"", False)


class TestSilentConnection:
    """A connection on which nothing is ever said"""

    seen = "the connection is closed"
    guard = "`LATHE_HEAD_TIMEOUT_S`"

    def test_the_connection_is_closed(self, door: Door) -> None:
        assert spoken(door.address, [], within_s=LONG_S) == (b"", True)

    def test_it_stays_open_without_the_guard(self, without: Without) -> None:
        with without(head_timeout_s=PATIENT_S) as bare:
            assert spoken(bare.address, [], within_s=LONG_S) == (b"", False)


class TestSlowBody:
    """A spec whose bytes come one a quarter of a second, never silent for long"""

    seen = "408, `too_slow`"
    guard = "`LATHE_UPLOAD_IDLE_S` and `LATHE_SLOWEST_BYTES_PER_S`"

    def pieces(self, key: str) -> Iterator[bytes]:
        told = "Content-Type: application/json", "Content-Length: 100000"
        yield head("POST", "/v1/jobs", key, *told)
        yield from dripping(b" ", 4 * LONG_S)

    def test_the_request_is_ended_by_name(self, door: Door) -> None:
        pieces = self.pieces(door.key)
        heard, ended = spoken(door.address, pieces, every_s=0.25, within_s=LONG_S)
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"too_slow"' in heard
        assert ended

    @pytest.mark.parametrize(
        "lifted", [{"slowest_bytes_per_s": 1}, {"upload_idle_s": PATIENT_S}]
    )
    def test_it_is_read_for_ever_without_the_guard(
        self, without: Without, lifted: dict[str, float]
    ) -> None:
        with without(**lifted) as bare:
            pieces = self.pieces(bare.key)
            heard, ended = spoken(bare.address, pieces, every_s=0.25, within_s=LONG_S)
        assert (heard, ended) == (b"", False)


class TestSlowUpload:
    """A model of which nothing comes after the first bytes"""

    seen = "408, `too_slow`; nothing of it is kept"
    guard = "`LATHE_UPLOAD_IDLE_S`"

    def test_the_request_is_ended_by_name_and_keeps_nothing(self, door: Door) -> None:
        before = set((door.data / "objects").rglob("*"))
        begun = [head("POST", "/v1/models", door.key, "Content-Length: 100000") + bytes(5000)]
        heard, ended = spoken(door.address, begun, within_s=LONG_S)
        assert b'"code":"too_slow"' in heard
        assert ended
        left = {path for path in (door.data / "objects").rglob("*") if path.is_file()}
        assert left <= before

    def test_it_stays_open_without_the_guard(self, without: Without) -> None:
        with without(upload_idle_s=PATIENT_S) as bare:
            begun = [
                head("POST", "/v1/models", bare.key, "Content-Length: 100000") + bytes(5000)
            ]
            assert spoken(bare.address, begun, within_s=LONG_S) == (b"", False)


def held(address: tuple[str, int], request: bytes, seconds: float) -> bool:
    """Whether a download of which nothing is read for so long is still there afterwards."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(address)
        line.sendall(request)
        time.sleep(seconds)
        line.settimeout(5)
        assert line.recv(13) == b"HTTP/1.1 200 "
        read = 0
        try:
            while read < 30 << 20:
                data = line.recv(1 << 20)
                if not data:
                    return False
                read += len(data)
        except ConnectionError:
            return False
        return True


@pytest.fixture(scope="module")
def path(door: Door) -> str:
    """Of a download of 33 MB."""
    large = door.ready("models", perceptron(9, width=400_000))
    return f"/v1/models/{large}/content"


class TestSlowReader:
    """A download of which nothing is read"""

    seen = "the connection is cut; the log says `too_slow`"
    guard = "`LATHE_READER_IDLE_S` and `LATHE_SLOWEST_BYTES_PER_S`"

    def test_the_connection_is_cut(self, door: Door, path: str) -> None:
        assert not held(door.address, head("GET", path, door.key), 12)
        assert "connection cut off, too_slow" in (door.data / "logs" / "api.log").read_text()

    def test_it_stays_open_without_the_guard(self, without: Without, path: str) -> None:
        with without(reader_idle_s=PATIENT_S) as bare:
            assert held(bare.address, head("GET", path, bare.key), 12)
