"""Requests that two readers in a row, such as a proxy and the service, read differently."""

import json

import httptools
import pytest

from tests.redteam.door import Door
from tests.redteam.requests.wire import spoken

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: lathe\r\n\r\n"


def request(*lines: bytes, body: bytes) -> bytes:
    return (
        b"\r\n".join((b"POST /v1/jobs HTTP/1.1", b"Host: lathe", *lines)) + b"\r\n\r\n" + body
    )


class Requests:
    """The paths that a parser of HTTP sees."""

    def __init__(self, **leniencies: bool) -> None:
        self.seen: list[bytes] = []
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(**leniencies)

    def on_url(self, url: bytes) -> None:
        self.seen.append(url)


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

    def test_a_second_request_appears_without_the_guard(self) -> None:
        lenient = Requests(lenient_chunked_length=True)
        lenient.parser.feed_data(self.sent)
        assert lenient.seen == [b"/v1/jobs", b"/hidden"]  # by its length it was one


class TestTwoLengths(_Smuggled):
    """Two lengths in one request"""

    sent = request(
        b"Content-Length: 2", b"Content-Length: %d" % (2 + len(HIDDEN)), body=b"{}" + HIDDEN
    )

    def test_its_readers_disagree_without_the_guard(self) -> None:
        head, _, body = self.sent.partition(b"\r\n\r\n")
        lengths = [
            int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content")
        ]
        assert body[lengths[0] :] == HIDDEN
        assert body[lengths[-1] :] == b""


class TestOddEncoding(_Smuggled):
    """Chunks announced in a way that only some understand"""

    sent = request(
        b"Content-Length: %d" % (5 + len(HIDDEN)),
        b"Transfer-Encoding: chunked, identity",
        body=b"0\r\n\r\n" + HIDDEN,
    )

    def test_a_lenient_reader_takes_it_otherwise_without_the_guard(self) -> None:
        lenient = Requests(lenient_transfer_encoding=True, lenient_chunked_length=True)
        strict = Requests()
        lenient.parser.feed_data(self.sent)
        with pytest.raises(httptools.HttpParserError):
            strict.parser.feed_data(self.sent)
        assert lenient.seen == [b"/v1/jobs"]  # and waits for the body's end


class TestFoldedHeader(_Smuggled):
    """A header that goes on in the next line (obs-fold), where some see a header of its own"""

    sent = request(b"X-Note: a", b" Content-Length: 2", body=b"")

    def test_a_lenient_reader_folds_it_without_the_guard(self) -> None:
        found: dict[bytes, bytes] = {}

        class Headers(Requests):
            def on_header(self, name: bytes, value: bytes) -> None:
                found[name] = value

        Headers(lenient_headers=True).parser.feed_data(self.sent)
        assert b"Content-Length" in found.get(b"X-Note", b"")
        lines = self.sent.split(b"\r\n")
        assert any(line.strip().startswith(b"Content-Length") for line in lines)


class _Twice(_Smuggled):
    """A header that comes twice."""

    guard = "headers that say who and where come once"


class TestTwoHosts(_Twice):
    """Two Host headers"""

    sent = request(b"Host: other", body=b"")

    def test_the_first_and_the_last_differ_without_the_guard(
        self, unguarded: tuple[str, int]
    ) -> None:
        heard, _ = spoken(unguarded, [self.sent], every_s=0.5, within_s=2)
        assert heard.startswith(b"HTTP/1.1 200 ")


class TestTwoKeys(_Twice):
    """Two Authorization headers"""

    sent = request(b"Authorization: Bearer a", b"Authorization: Bearer b", body=b"")

    def test_the_first_and_the_last_differ_without_the_guard(
        self, unguarded: tuple[str, int]
    ) -> None:
        heard, _ = spoken(unguarded, [self.sent], every_s=0.5, within_s=2)
        assert heard.startswith(b"HTTP/1.1 200 ")
