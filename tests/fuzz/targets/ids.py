"""Ids, as paths and bodies name things."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["lathe.ids"]):
    from lathe.ids import JobId, is_id, new

from pydantic import TypeAdapter, ValidationError

from tests.fuzz.target import Target

_ID = TypeAdapter(JobId)


def _one(data: bytes) -> None:
    text = data.decode("latin-1") if data[:1] < b"\x80" else data[1:].decode("utf-8", "replace")
    well_formed = is_id("job", text)
    try:
        _ID.validate_python(text)
    except ValidationError:
        assert not well_formed
    else:
        assert well_formed
        assert len(text) == 30


def _seeds() -> Iterator[bytes]:
    yield new("job").encode()
    yield new("mdl").encode()
    yield new("job").encode() + b"\n"


TARGET = Target("ids", _one, _seeds, words=(b"job_", b"\n"), longest=64)
