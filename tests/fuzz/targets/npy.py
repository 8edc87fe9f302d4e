"""Headers of .npy arrays."""

import io
import struct
from collections.abc import Iterator

import atheris
import numpy as np

with atheris.instrument_imports(include=["worker.engine.intake.npy_header"]):
    from worker.engine.intake.npy_header import MAGIC, BadArrayError, read_npy_header

from tests.fuzz.target import Target

_DTYPES = ("<f4", ">i8", "|b1", "<u2", "O", "<U3", "<c8", "<M8[s]", "f4,i2", "(2,)f8")


def with_length(header: bytes, version: int = 1) -> bytes:
    """The text of a header behind magic and length, as a version's writer has them."""
    width = "<H" if version < 2 else "<I"
    return MAGIC + bytes([version, 0]) + struct.pack(width, len(header)) + header


def _one(data: bytes) -> None:
    if data[:1] < b"\x40":
        header = read_npy_header(io.BytesIO(data[1:]).read)
    else:
        header = read_npy_header(io.BytesIO(with_length(data[1:], 1 + data[0] % 3)).read)
    assert header.size_bytes >= 0
    assert header.stored.hasobject is False
    np.empty(0, header.dtype)


def _seeds() -> Iterator[bytes]:
    for dtype in _DTYPES:
        for shape, fortran in (("()", False), ("(3, 4)", True), ("(1, 2, 3, 0)", False)):
            text = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"
            yield b"\x40" + text.encode()
    with io.BytesIO() as file:
        np.save(file, np.zeros((2, 3), np.float32))
        yield b"\x00" + file.getvalue()


TARGET = Target(
    "the header of an .npy array",
    _one,
    _seeds,
    refusals=(BadArrayError,),
    words=(
        b"'descr':", b"'shape':", b"'fortran_order':", b"True", b"[('a', '<f4')]", b"<f8",
        b"datetime64[ns]", b"V8", b"((((((((", b"--------", b"10**9", b"{", b"}", b"1e400",
        b"...",
    ),
    longest=256,
)  # fmt: skip
