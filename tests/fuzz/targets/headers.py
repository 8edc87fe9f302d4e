"""Headers that every route reads: ranges, validators, keys, the request's id."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=["app.http.download", "app.http.edge", "app.http.spans", "app.store.tenants"]
):
    from app.http import download, edge, spans
    from app.store import tenants
    from app.store.traces import parent_of

from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param
from opentelemetry import trace

from tests.fuzz.target import Target

_ETAG = '"' + "ab" * 32 + '"'
_SIZE = 1000


def _range(value: bytes) -> None:
    headers = [(b"range", value.partition(b"\n")[0])]
    if b"\n" in value:
        headers.append((b"if-range", value.partition(b"\n")[2]))
    span = download._span(Request({"type": "http", "headers": headers}), _SIZE, _ETAG)
    assert span is None or span[0] >= span[1] or 0 <= span[0] < span[1] <= _SIZE


def _validator(value: bytes) -> None:
    text = value.decode("latin-1")
    if download.matches(text, _ETAG):
        assert _ETAG in text or text.strip() in ("*", "W/*")


def _key(value: bytes) -> None:
    scheme, printable = get_authorization_scheme_param(value.decode("latin-1"))
    split = tenants.split_key(printable)
    if scheme and split is not None:
        assert split[0].startswith("key_")
        assert len(tenants.hash_of(split[1])) == 64


def _request_id(value: bytes) -> None:
    told = edge._request_id({"type": "http", "headers": [(b"x-request-id", value)]})
    assert told.isascii()
    assert told.isprintable()
    assert 0 < len(told) <= 64


def _parent(value: bytes) -> None:
    theirs = parent_of(spans._header({"headers": [(b"traceparent", value)]}))
    caller = trace.get_current_span(theirs).get_span_context()
    assert not caller.is_valid or f"{caller.trace_id:032x}".encode() in value


def _one(data: bytes) -> None:
    reads = (_range, _validator, _key, _request_id, _parent)
    reads[data[0] % len(reads) if data else 0](data[1:])


def _seeds() -> Iterator[bytes]:
    for value in (b"bytes=0-9", b"bytes=-5", b"bytes=999-", b"bytes=1-2\n" + _ETAG.encode()):
        yield b"\0" + value
    for value in (_ETAG.encode(), b"W/" + _ETAG.encode() + b', "x"', b"*"):
        yield b"\x01" + value
    yield b"\x02Bearer lt_01k3zk7ef4f2v9k6ahsrgq2w5x_c2VjcmV0"
    yield b"\x03req-1.a"
    yield b"\x0400-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


TARGET = Target(
    "Range, If-None-Match, Authorization, X-Request-ID and traceparent",
    _one,
    _seeds,
    words=(b"bytes=", b"W/", b"lt_", b"Bearer ", _ETAG.encode()),
    longest=256,
)
