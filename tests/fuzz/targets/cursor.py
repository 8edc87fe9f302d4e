"""Cursors of lists."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import atheris

with atheris.instrument_imports(include=["app.store.pages"]):
    from app.store.pages import decode_cursor, encode_cursor

from tests.fuzz.target import Target


def _one(data: bytes) -> None:
    text = data[1:].decode("latin-1")
    if data[:1] < b"\x80":  # the text inside of the base64
        text = base64.urlsafe_b64encode(data[1:]).rstrip(b"=").decode()
    assert encode_cursor(*decode_cursor(text)) == text


def _seeds() -> Iterator[bytes]:
    cursor = encode_cursor(datetime(2026, 1, 2, tzinfo=UTC), "job_01k3zk7ef4f2v9k6ahsrgq2w5x")
    yield b"\xff" + cursor.encode()
    yield b"\x00" + base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


TARGET = Target("the cursor of a list's next page", _one, _seeds, words=(b"-", b".", b"e9"))
