"""The headers of a resumable upload."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["app.http.tus"]):
    from app.http import tus

from fastapi import Request

from tests.fuzz.target import Target


def _one(data: bytes) -> None:
    name, read = (
        ("upload-metadata", tus.metadata),
        ("upload-length", lambda request: tus.number(request, "Upload-Length")),
        ("content-type", tus.check_media_type),
        ("tus-resumable", tus.speaks_it),
    )[data[0] % 4 if data else 0]
    headers = [(name.encode(), data[1:])]
    told = read(Request({"type": "http", "headers": headers}))
    if isinstance(told, dict):
        assert all(isinstance(value, str) for value in told.values())
    if isinstance(told, int):
        assert 0 <= told < 10**18


def _seeds() -> Iterator[bytes]:
    yield b"\0filename bW9kZWwub25ueA==,sha256 " + b"YWFh" * 22 + b", empty"
    yield b"\0filename 4pyTw6kucHQy"
    yield b"\x011234567"
    yield b"\x02application/offset+octet-stream; x=y"
    yield b"\x031.0.0"


TARGET = Target(
    "Upload-Metadata, Upload-Length and what else tus sends",
    _one,
    _seeds,
    words=(b"filename ", b"sha256 ", b", ", b"==", b"application/offset+octet-stream"),
    longest=512,
)
