"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before there is a request, and on
readers who do not read.

    head      complete within `head_s`, and without progress in no more than `head_bytes`
    reader    takes what lies ready within `reader_s`, and a second for every `slowest` bytes
    names     one Host, one Authorization at most: of two, a proxy may have read the other
    body      of a GET or HEAD there is none (RFC 9110, 9.3.1): nobody would read it, and it is
              in the way of who waits for the client to leave
    waiting   of the requests that come before an earlier one is answered, `most_waiting`

What cannot be understood is answered with a problem, as everything else is. A body's pace is
`app.http.pace`'s.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.problems import MEDIA_TYPE
from app.http.wording import shortened
from app.settings import Settings
from lathe.errors import HeadTooLarge, Malformed, RateLimited, Refused, TooSlow
from lathe.views import Problem

_BODILESS = frozenset({b"GET", b"HEAD"})
_ONCE = frozenset({b"host", b"authorization", b"content-type", b"cookie"})


class _Refusing(Exception):  # noqa: N818 - ends the parser's work; `_refusal` is the answer
    """The head is refused."""


class Protocol(HttpToolsProtocol):
    """One connection. `bounded` makes the class with the numbers of the settings."""

    head_s = 10.0
    head_bytes = 64 << 10
    reader_s = 60.0
    slowest = 4096
    most_waiting = 100  # no browser sends ahead at all

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _refusal: Refused = Malformed("this is not HTTP/1.1; speak to it as to any web server")
    _progress = False
    _spoken = False
    _without_progress = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is awaited any more."""
        self._end_timer("_head")
        self._end_timer("_reader")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what brings neither a head's end nor a body nearer: it is held in memory."""
        self._progress, self._spoken = False, True
        super().data_received(data)
        self._without_progress = 0 if self._progress else self._without_progress + len(data)
        if self._without_progress > self.head_bytes and not self.transport.is_closing():
            self._refuse(HeadTooLarge(f"headers may have {self.head_bytes} bytes; send fewer"))

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._progress = True
        self._end_timer("_head")
        self._check_names()
        self._check_body()
        super().on_headers_complete()
        if len(self.pipeline) > self.most_waiting:
            self._refusal = RateLimited(
                f"more than {self.most_waiting} requests wait on this connection; send the "
                "next ones when these are answered"
            )
            raise _Refusing

    def on_body(self, body: bytes) -> None:
        """Some of a body is there."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A whole request is there."""
        self._progress = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The reader has to take something before more is written."""
        super().pause_writing()
        self._end_timer("_reader")
        waiting_bytes = self.transport.get_write_buffer_size()
        patience_s = self.reader_s + waiting_bytes / self.slowest
        self._reader = self.loop.call_later(patience_s, self._reader_is_late, patience_s)

    def resume_writing(self) -> None:
        """The reader reads."""
        self._end_timer("_reader")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it has one message for all
        """Why the request could not be read, as a problem."""
        self._refuse(self._refusal)

    def _await_head(self) -> None:
        self._end_timer("_head")
        self._head = self.loop.call_later(self.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if not self._spoken:  # browsers connect ahead: who asked nothing is told nothing
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(TooSlow(f"headers were not complete within {self.head_s:g} s"))

    def _reader_is_late(self, patience_s: float) -> None:
        """Nobody reads, so nobody can be told; the log says why."""
        path = shortened(self.scope["path"]) if self.scope else "an answer"
        self.logger.warning(
            "connection cut off, %s: nothing of %s was read for %.0f s",
            TooSlow.code,
            path,
            patience_s,
        )
        self.transport.abort()

    def _end_timer(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)

    def _check_names(self) -> None:
        names = [name for name, _ in self.headers]
        twice = next((name for name in names if name in _ONCE and names.count(name) > 1), None)
        if twice is not None:
            self._refusal = Malformed(
                f"the header {twice.decode()} came twice; send it once", param=twice.decode()
            )
            raise _Refusing
        if b"host" not in names and self.parser.get_http_version() == "1.1":
            self._refusal = Malformed("the header Host is needed", param="host")
            raise _Refusing

    def _check_body(self) -> None:
        if (method := self.parser.get_method()) not in _BODILESS:
            return
        announced = next(
            (name for name, value in self.headers if _announces(name, value)), None
        )
        if announced is not None:
            self._refusal = Malformed(
                f"{method.decode()} takes no body; leave the header {announced.decode()} out",
                param=announced.decode(),
            )
            raise _Refusing

    def _refuse(self, refusal: Refused) -> None:
        body = _problem(refusal).model_dump_json().encode()
        phrase = HTTPStatus(refusal.status).phrase
        head = (
            f"HTTP/1.1 {refusal.status} {phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._end_timer("_head")
        self.logger.warning("request refused: %s", refusal.detail)
        self.transport.write(head.encode() + body)
        self.transport.close()


def bounded(settings: Settings) -> type[Protocol]:
    """The protocol with an installation's own bounds."""
    bounds: dict[str, float | Callable[..., None]] = {
        "head_s": settings.head_timeout_s,
        "head_bytes": settings.max_head_bytes,
        "reader_s": settings.reader_idle_s,
        "slowest": settings.slowest_bytes_per_s,
    }
    return type("Bounded", (Protocol,), bounds)


def _announces(name: bytes, value: bytes) -> bool:
    """Whether the header says that a body follows."""
    return name == b"transfer-encoding" or (
        name == b"content-length" and value.strip(b"0") != b""
    )


def _problem(refusal: Refused) -> Problem:
    return Problem(
        type=f"urn:lathe:problem:{refusal.code}",
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        instance="/",
        code=refusal.code,
        error_class=refusal.error_class,
        retryable=refusal.retryable,
        param=refusal.param,
        errors=[],
        request_id=None,
    )
