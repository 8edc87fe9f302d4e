"""Heads that never end, or hold more than a request needs: they are kept in memory, and no
key was shown yet."""

import json
from collections.abc import Iterator

from tests.redteam.conftest import Without
from tests.redteam.door import Door
from tests.redteam.requests.wire import head, spoken

MIB = 1 << 20
BOUNDLESS = 1 << 40
PATIENT_S = 600
MANY, LONG_S = 32, 12


def refused(heard: bytes) -> str:
    """The code of the problem that this is."""
    assert b"content-type: application/problem+json" in heard
    code: str = json.loads(heard.partition(b"\r\n\r\n")[2])["code"]
    return code


class TestEndlessHeader:
    """One header of which megabyte after megabyte comes"""

    seen = "431, `head_too_large`"
    guard = "`LATHE_MAX_HEAD_BYTES`"

    def pieces(self) -> Iterator[bytes]:
        yield b"GET /v1/models HTTP/1.1\r\nHost: lathe\r\nX-Long: "
        for _ in range(MANY):
            yield b"a" * MIB

    def test_it_is_refused_by_name(self, door: Door) -> None:
        heard, ended = spoken(door.address, self.pieces(), within_s=8)
        assert ended
        assert not heard or refused(heard) == "head_too_large"  # a reset may overtake it

    def test_the_time_for_a_head_alone_ends_it_too(self, without: Without) -> None:
        with without(max_head_bytes=BOUNDLESS) as bare:
            heard, ended = spoken(bare.address, self.pieces(), within_s=8)
        assert ended
        assert not heard or heard.startswith(b"HTTP/1.1 408 ")

    def test_all_of_it_is_taken_without_the_guard(self, without: Without) -> None:
        with without(max_head_bytes=BOUNDLESS, head_timeout_s=PATIENT_S) as bare:
            pieces = self.pieces()
            assert spoken(bare.address, pieces, within_s=LONG_S) == (b"", False)
        assert next(pieces, None) is None


class TestCrowdOfHeaders:
    """A hundred thousand small headers"""

    seen = "431, `head_too_large`"
    guard = "`LATHE_MAX_HEAD_BYTES`"

    def pieces(self) -> Iterator[bytes]:
        yield b"GET / HTTP/1.1\r\nHost: lathe\r\n"
        for start in range(0, 100_000, 1000):
            yield b"".join(b"X-%d: a\r\n" % number for number in range(start, start + 1000))
        yield b"\r\n"

    def test_it_is_refused_by_name(self, door: Door) -> None:
        heard, ended = spoken(door.address, self.pieces(), within_s=8)
        assert ended
        assert not heard or refused(heard) == "head_too_large"

    def test_all_of_them_are_taken_without_the_guard(self, without: Without) -> None:
        with without(max_head_bytes=BOUNDLESS, head_timeout_s=PATIENT_S) as bare:
            heard, _ = spoken(bare.address, self.pieces(), within_s=8)
        assert heard.startswith(b"HTTP/1.1 303 ")  # to the page where one signs in


class TestEndlessTrailer:
    """A chunked body that is complete, and a trailer behind it that is not"""

    seen = "431, `head_too_large`"
    guard = "`LATHE_MAX_HEAD_BYTES`"

    def pieces(self, key: str) -> Iterator[bytes]:
        told = "Content-Type: application/json", "Transfer-Encoding: chunked"
        yield head("POST", "/v1/jobs", key, *told) + b"2\r\n{}\r\n0\r\nX-Long: "
        for _ in range(MANY):
            yield b"a" * MIB

    def test_it_is_refused_by_name(self, door: Door) -> None:
        heard, ended = spoken(door.address, self.pieces(door.key), within_s=8)
        assert ended
        assert not heard or refused(heard) == "head_too_large"

    def test_the_pace_of_bodies_alone_ends_it_too(self, without: Without) -> None:
        with without(max_head_bytes=BOUNDLESS) as bare:
            heard, ended = spoken(bare.address, self.pieces(bare.key), within_s=8)
        assert ended
        assert not heard or heard.startswith(b"HTTP/1.1 408 ")

    def test_all_of_it_is_taken_without_the_guard(self, without: Without) -> None:
        with without(max_head_bytes=BOUNDLESS, upload_idle_s=PATIENT_S) as bare:
            pieces = self.pieces(bare.key)
            assert spoken(bare.address, pieces, within_s=LONG_S) == (b"", False)
        assert next(pieces, None) is None
