"""Requests that two readers in a row, such as a proxy and the service, read differently."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import httptools
import pytest

from app.http import protocol
from app.http.protocol import Protocol
from tests.redteam.door import Door
from tests.redteam.requests.wire import spoken

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: lathe\r\n\r\n"


def request(*lines: bytes, body: bytes) -> bytes:
    return (
        b"\r\n".join((b"POST /v1/jobs HTTP/1.1", b"Host: lathe", *lines)) + b"\r\n\r\n" + body
    )


Lenient = Callable[..., tuple[str, int]]


@pytest.fixture
def lenient(breached: Door, monkeypatch: pytest.MonkeyPatch) -> Lenient:
    """Where the service listens with a parser that takes what it is told to take."""

    def listening(**leniencies: bool) -> tuple[str, int]:
        strict = httptools.HttpRequestParser

        def parser(protocol: object) -> httptools.HttpRequestParser:
            made = strict(protocol)
            made.set_dangerous_leniencies(**leniencies)
            return made

        monkeypatch.setattr(httptools, "HttpRequestParser", parser)
        return breached.address

    return listening


def statuses(heard: bytes) -> list[int]:
    """Of the answers that came."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


class _Smuggled:
    """What all of them have in common: 400, and nobody sees a second request."""

    seen = "400, `malformed`; the connection is closed"
    guard = "a strict parser: one length, no chunks beside it, no forms of the past"
    sent: bytes

    def test_it_is_refused_by_name_and_nothing_behind_it_is_read(self, door: Door) -> None:
        heard, ended = spoken(door.address, [self.sent], every_s=0.5, within_s=8)
        assert ended
        assert heard.count(b"HTTP/1.1 ") == 1
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["code"] == "malformed"


class TestLengthAndChunks(_Smuggled):
    """A length and chunks in one request (CL.TE)"""

    sent = request(
        b"Content-Length: %d" % (5 + len(HIDDEN)),
        b"Transfer-Encoding: chunked",
        body=b"0\r\n\r\n" + HIDDEN,
    )

    def test_a_second_request_appears_without_the_guard(self, lenient: Lenient) -> None:
        address = lenient(lenient_chunked_length=True)
        heard, _ = spoken(address, [self.sent], every_s=1, within_s=2)
        assert statuses(heard) == [401, 404]  # by its length it was one


class TestTwoLengths(_Smuggled):
    """Two lengths in one request"""

    sent = request(
        b"Content-Length: 2", b"Content-Length: %d" % (2 + len(HIDDEN)), body=b"{}" + HIDDEN
    )

    instead = (
        "a web server of Python's library, which takes the first length, while the last is as "
        "long as all that came: our parser has no switch that lets it take two"
    )

    def test_its_readers_disagree_without_the_guard(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.do_GET()

            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            heard, _ = spoken(
                ("127.0.0.1", server.server_port), [self.sent], every_s=0.5, within_s=2
            )
            thread.join()
        assert statuses(heard) == [204, 204]
        assert asked == ["/v1/jobs", "/hidden"]
        head, _, body = self.sent.partition(b"\r\n\r\n")
        last = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")][-1]
        assert int(last[15:]) == len(body)


class TestOddEncoding(_Smuggled):
    """Chunks announced in a way that only some understand"""

    sent = request(
        b"Content-Length: %d" % (5 + len(HIDDEN)),
        b"Transfer-Encoding: chunked, identity",
        body=b"0\r\n\r\n" + HIDDEN,
    )

    def test_a_lenient_reader_takes_it_otherwise_without_the_guard(
        self, lenient: Lenient
    ) -> None:
        address = lenient(lenient_transfer_encoding=True, lenient_chunked_length=True)
        heard, _ = spoken(address, [self.sent], every_s=1, within_s=8)
        assert statuses(heard) == [408]  # the second request was taken for its body


class TestFoldedHeader(_Smuggled):
    """A header that goes on in the next line (obs-fold), where some see a header of its own"""

    sent = request(b"X-Note: a", b" Content-Length: 2", body=b"")

    def test_a_lenient_reader_folds_it_without_the_guard(
        self, lenient: Lenient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address, found = lenient(lenient_headers=True), dict[bytes, bytes]()
        real = Protocol.on_header

        def seen(self: Protocol, name: bytes, value: bytes) -> None:
            found[name] = value
            real(self, name, value)

        monkeypatch.setattr(Protocol, "on_header", seen)
        heard, _ = spoken(address, [self.sent], every_s=1, within_s=2)
        assert statuses(heard) == [401]  # it was read, and only a key is missing
        assert b"Content-Length" in found[b"X-Note"]
        lines = self.sent.split(b"\r\n")
        assert any(line.strip().startswith(b"Content-Length") for line in lines)


CHUNKS = (b"0 ", b"0x0", b"+0", b"-0", b"0_0", b"f" * 17, b"")


class TestOddChunkSizes:
    """Sizes of chunks that only some read: with a blank, a sign, `0x`, and far too large"""

    seen = _Smuggled.seen
    guard = _Smuggled.guard

    def sent(self, size: bytes) -> bytes:
        return request(b"Transfer-Encoding: chunked", body=size + b"\r\n\r\n" + HIDDEN)

    @pytest.mark.parametrize("size", CHUNKS)
    def test_it_is_refused_by_name_and_nothing_behind_it_is_read(
        self, door: Door, size: bytes
    ) -> None:
        heard, ended = spoken(door.address, [self.sent(size)], every_s=0.5, within_s=8)
        assert ended
        assert statuses(heard) == [400]
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["code"] == "malformed"

    def test_a_second_request_appears_without_the_guard(self, lenient: Lenient) -> None:
        address = lenient(lenient_spaces_after_chunk_size=True)
        heard, _ = spoken(address, [self.sent(b"0 ")], every_s=1, within_s=2)
        assert statuses(heard) == [401, 404]


class TestBareLineEnds(_Smuggled):
    """Lines that end with half a line break, which some take for one and others do not"""

    sent = request(b"X-Note: a\nTransfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN)

    def test_a_second_request_appears_without_the_guard(self, lenient: Lenient) -> None:
        address = lenient(lenient_optional_cr_before_lf=True)
        heard, _ = spoken(address, [self.sent], every_s=1, within_s=2)
        assert statuses(heard) == [401, 404]


class _Twice(_Smuggled):
    """A header that comes twice."""

    guard = "headers that say who and where come once"


class TestTwoHosts(_Twice):
    """Two Host headers"""

    sent = request(b"Host: other", body=b"")

    def test_it_is_answered_like_any_other_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "_ONCE", frozenset())
        heard, _ = spoken(breached.address, [self.sent], every_s=1, within_s=2)
        assert statuses(heard) == [401]


class TestTwoKeys(_Twice):
    """Two Authorization headers"""

    sent = request(b"Authorization: Bearer a", b"Authorization: Bearer b", body=b"")

    def test_one_of_them_is_believed_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "_ONCE", frozenset())
        right, wrong = f"Bearer {breached.key}", "Bearer lt_nobody"
        told = []
        for first, last in ((right, wrong), (wrong, right)):
            lines = "GET /v1/models HTTP/1.1", "Host: lathe", "Connection: close"
            keys = f"Authorization: {first}", f"Authorization: {last}"
            asked = "\r\n".join((*lines, *keys, "", "")).encode()
            heard, _ = spoken(breached.address, [asked], every_s=2, within_s=3)
            told += statuses(heard)
        assert sorted(told) == [200, 401]
