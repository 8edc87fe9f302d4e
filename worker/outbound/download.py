"""The bytes behind an address as one stream, however often it is cut on the way.

After a cut the rest is asked for (Range, RFC 9110 section 14) on the condition that the file
is still the same one (If-Range). A server that cannot do that, or has another file by now,
sends the whole of it, and everything begins again.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus

import httpx

from app.store.outbound import Place
from lathe import __version__
from lathe.errors import SourceUnusable, Unanswered
from worker.outbound.guard import Guard, said

_TRIES = 6  # in a row that bring nothing
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH = 0.5, 20.0, 2.0
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

Pause = Callable[[float], Awaitable[object]]


class StartOver(Exception):  # noqa: N818 - what is to be done
    """What has come so far cannot be gone on from."""


class Download:
    """One attempt from byte 0. `received` and `total` tell how far it is."""

    def __init__(
        self, guard: Guard, place: Place, *, trusts_content: bool, pause: Pause = asyncio.sleep
    ) -> None:
        """`trusts_content`: the content is checked in the end, so that a server which names
        no version may be asked for the rest of it, too."""
        self._guard, self._place, self._pause = guard, place, pause
        self._trusts_content = trusts_content
        self._version: str | None = None
        self._begun = False
        self.received = 0
        self.total: int | None = None

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Everything, in order.

        Raises SourceUnusable for an answer that is no file, Unanswered when it does not come,
        AddressRefused, and StartOver.
        """
        failed = 0
        while True:
            before, trouble = self.received, ""
            try:
                async with aclosing(self._once()) as chunks:
                    async for chunk in chunks:
                        self.received += len(chunk)
                        yield chunk
            except httpx.HTTPError as error:
                trouble = f"{self._place.host} broke off: {said(error)}"
            except Unanswered as error:
                trouble = error.detail
            if not trouble and (self.total is None or self.received == self.total):
                return
            failed = 1 if self.received > before else failed + 1
            if failed >= _TRIES:
                raise Unanswered(trouble or f"{self._place.host} sent less than it said")
            if self._begun and not self._can_go_on():
                raise StartOver
            wait_s = _FIRST_PAUSE_S * _GROWTH ** (failed - 1)
            await self._pause(min(_LONGEST_PAUSE_S, wait_s))

    async def _once(self) -> AsyncGenerator[bytes]:
        headers = {"Accept-Encoding": "identity", "User-Agent": f"lathe/{__version__}"}
        if self._begun:
            headers["Range"] = f"bytes={self.received}-"
            if self._version is not None:
                headers["If-Range"] = self._version
        async with self._guard.sent("GET", self._place, headers) as response:
            if self._begun:
                self._goes_on(response)
            else:
                self._begins(response)
            async for chunk in response.aiter_raw():
                yield chunk

    def _begins(self, response: httpx.Response) -> None:
        self._refuse_what_is_no_file(response, HTTPStatus.OK)
        etag = response.headers.get("etag", "")
        self._version = etag if etag.startswith('"') else None
        length = response.headers.get("content-length", "")
        self.total = int(length) if length.isdecimal() else None
        self._begun = True

    def _goes_on(self, response: httpx.Response) -> None:
        if response.status_code in {HTTPStatus.OK, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
            raise StartOver
        self._refuse_what_is_no_file(response, HTTPStatus.PARTIAL_CONTENT)
        part = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if part is None or int(part[1]) != self.received:
            raise StartOver
        if part[3] != "*" and self.total not in {None, int(part[3])}:
            raise StartOver

    def _refuse_what_is_no_file(self, response: httpx.Response, wanted: HTTPStatus) -> None:
        status, host = response.status_code, self._place.host
        if status in _AGAIN:
            raise Unanswered(f"{host} answered {status}")
        if status in range(300, 400):
            raise SourceUnusable(
                f"{host} answered {status}; redirects are not followed, name the last address "
                "itself",
                param="source",
            )
        if status != wanted:
            raise SourceUnusable(f"{host} answered {status}", param="source")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise SourceUnusable(
                f"{host} sends it compressed, though it was asked not to", param="source"
            )

    def _can_go_on(self) -> bool:
        return self._version is not None or self._trusts_content
