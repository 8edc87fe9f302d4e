"""A client that costs next to nothing: one HTTP/1.1 exchange over one plain socket."""

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

RECEIVED_BYTES = 1 << 20
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """How an exchange ended. `seconds` run from the first byte sent to the last received."""

    status: int
    seconds: float
    body: bytes
    body_bytes: int
    sha256: str


def exchange(
    url: str,
    method: str,
    *,
    headers: dict[str, str] | None = None,
    file: Path | None = None,
    hashed: bool = False,
    patience_s: float = PATIENCE_S,
) -> Exchange:
    """Send one request, `file` as its body, and read the whole answer.

    The file goes from the page cache to the socket (sendfile). `body` keeps the first MiB of
    the answer; `sha256` is the whole body's, empty unless `hashed`. Raises ConnectionError
    where the server lets go early.
    """
    address = urlsplit(url)
    length = file.stat().st_size if file is not None else 0
    fields = {"Host": address.netloc, "Connection": "close", **(headers or {})}
    if file is not None:
        fields["Content-Length"] = str(length)
    target = address.path + (f"?{address.query}" if address.query else "")
    lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    with socket.create_connection((address.hostname, address.port), patience_s) as wire:
        started = time.perf_counter()
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        if file is not None:
            _pour(file, length, wire)
        return _answer(wire, started, hashed=hashed)


def _pour(file: Path, length: int, wire: socket.socket) -> None:
    with file.open("rb") as source:
        sent = wire.sendfile(source)
    if sent != length:
        raise ConnectionError(f"{sent} of {length} bytes went")


def _answer(wire: socket.socket, started: float, *, hashed: bool) -> Exchange:
    room = memoryview(bytearray(RECEIVED_BYTES))
    head = b""
    while b"\r\n\r\n" not in head:
        size = wire.recv_into(room)
        if size == 0:
            raise ConnectionError("the server closed before it answered")
        head += room[:size]
    top, _, body = head.partition(b"\r\n\r\n")
    digest = hashlib.sha256(body) if hashed else None
    total = len(body)
    while size := wire.recv_into(room):
        total += size
        if digest is not None:
            digest.update(room[:size])
        if len(body) < RECEIVED_BYTES:
            body += room[:size]
    seconds = time.perf_counter() - started
    status = int(top.split(b" ", 2)[1])
    return Exchange(status, seconds, body, total, digest.hexdigest() if digest else "")


def rewrite_beginning(file: Path) -> None:
    """Give the file another content of the same length: its first 16 bytes are drawn anew."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.pwrite(descriptor, os.urandom(16), 0)
    finally:
        os.close(descriptor)
