"""Uploads that go on where they were cut: tus 1.0 (https://tus.io) at /v1/uploads.

How much has arrived is asked of the service after every cut, and nothing before that is sent
again. Where the bytes go is kept in the user's cache folder (`lathe.client.remembered`): so a
program that was killed goes on as well, when it is asked to send the same file again.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lathe.client.answers import checked
from lathe.client.asking import ask
from lathe.client.calls.reading import parsed
from lathe.client.remembered import Remembered
from lathe.client.talk import Ask, FilePart, Pause, Talk, Told
from lathe.errors import (
    Conflict,
    LatheError,
    Locked,
    Malformed,
    Missing,
    NotReady,
    RateLimited,
    Timeout,
    Unavailable,
    Unreachable,
)
from lathe.states import TransferState
from lathe.views import UploadView

FROM_BYTES = 4 << 20  # what is smaller goes up as one body
PATIENCE_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)  # between cuts that brought nothing
_PROBE_BYTES = 64 << 10  # small enough to be taken before a refusal closes the connection
_MOST_CHECKS = 200  # of 20 s each
_ROUTE = "/v1/uploads"
_TUS = {"Tus-Resumable": "1.0.0"}
_PASSING = (Unreachable, Timeout, RateLimited, Unavailable)


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when its sha256 was taken."""

    path: Path
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, path: Path) -> "Source":
        """Reads the file once; raises Malformed for an empty one."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
        if size_bytes == 0:
            raise Malformed(f"{path} is empty; there is nothing to upload")
        return cls(path, sha256, size_bytes)


def send(
    url: str, source: Source, route: str, query: Mapping[str, Any], told: Told | None
) -> Talk[httpx.Response]:
    """The answer of `POST route?upload=`, once every byte has arrived.

    An upload that an earlier call began is gone on with; where it is gone since, or of no use,
    another one is begun.
    """
    memory = Remembered(url, source.sha256)
    began_earlier = memory.location()
    if began_earlier is not None:
        try:
            return (yield from _through(began_earlier, source, route, query, memory, told))
        except (Missing, Conflict, Malformed):
            memory.forget()
    location = yield from _begun(source)
    memory.keep(location)
    return (yield from _through(location, source, route, query, memory, told))


def _through(
    location: str,
    source: Source,
    route: str,
    query: Mapping[str, Any],
    memory: Remembered,
    told: Told | None,
) -> Talk[httpx.Response]:
    yield from _completed(location, source, told)
    upload_id = location.rpartition("/")[2]
    answer = yield from _used(Ask("POST", route, {**query, "upload": upload_id}, again=True))
    memory.forget()
    return answer


def _begun(source: Source) -> Talk[str]:
    pairs = {"filename": source.path.name, "sha256": source.sha256}
    told = (f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs.items())
    headers = {
        **_TUS,
        "Upload-Length": str(source.size_bytes),
        "Upload-Metadata": ",".join(told),
    }
    answer = yield from _patient(Ask("POST", _ROUTE, headers=headers, again=True))
    return f"{_ROUTE}/{parsed(UploadView, answer).id}"


def _completed(location: str, source: Source, told: Told | None) -> Talk[None]:
    """Every byte is there. A cut ends in an error only when several in a row brought no
    byte further."""
    offset, fruitless, most = (yield from _offset(location)), 0, source.size_bytes
    while offset < source.size_bytes:
        if told:
            told(offset, source.size_bytes)
        try:
            yield from _sent(location, source, offset, most, told)
            most = source.size_bytes
        except (*_PASSING, Locked, Conflict) as error:
            if not _passes(error) or fruitless == len(PATIENCE_S):
                raise
            yield Pause(PATIENCE_S[fruitless], error.detail)
            most = _PROBE_BYTES
        found = yield from _offset(location)
        fruitless = 0 if found > offset else fruitless + 1
        offset = found
    if told:
        told(offset, source.size_bytes)


def _sent(
    location: str, source: Source, start: int, most: int, told: Told | None
) -> Talk[None]:
    done = start

    def counted(chunk_bytes: int) -> None:
        nonlocal done
        done += chunk_bytes
        if told:
            told(done, source.size_bytes)

    part = FilePart(source.path, start, min(most, source.size_bytes - start), counted)
    headers = {
        **_TUS,
        "Upload-Offset": str(start),
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(part.size_bytes),
    }
    answer: httpx.Response = yield Ask("PATCH", location, headers=headers, body=part)
    checked(answer)


def _offset(location: str) -> Talk[int]:
    view = parsed(UploadView, (yield from _patient(Ask("GET", location, again=True))))
    if view.state is TransferState.DAMAGED:
        raise Malformed("the file changed while it was being sent; send it again")
    return view.offset_bytes


def _used(wish: Ask) -> Talk[httpx.Response]:
    """A large file in a bucket takes the service a while to read through."""
    for _ in range(_MOST_CHECKS):
        try:
            return (yield from _patient(wish))
        except NotReady as error:
            yield Pause(1.0, error.detail)
    return (yield from _patient(wish))


def _patient(wish: Ask) -> Talk[httpx.Response]:
    """As `ask`, for longer: a service that is started again comes back."""
    for pause_s in PATIENCE_S:
        try:
            return (yield from ask(wish))
        except _PASSING as error:
            if not _passes(error):
                raise
            yield Pause(pause_s, error.detail)
    return (yield from ask(wish))


def _passes(error: LatheError) -> bool:
    return not isinstance(error, Unreachable) or error.passing
