"""The arrays of an uploaded .npz file; nothing of it is ever unpickled."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from worker.engine.intake.archive import ArchiveRefusedError, Budget
from worker.engine.intake.array_source import ArraySource
from worker.engine.intake.array_stream import CHUNK_BYTES, read_fully, stored_values
from worker.engine.intake.npy_header import BadArrayError, NpyHeader, read_npy_header
from worker.engine.intake.zip_archive import damage_named, members, open_zip
from worker.engine.onnx_file.place import Place
from worker.wire import Limits

SUFFIX = ".npy"


@contextmanager
def open_npz(place: Place, scratch: Path, limits: Limits) -> Iterator[dict[str, ArraySource]]:
    """Arrays by name, `.npy` taken off, while the archive is open.

    Every header is read and bounded first. An array in Fortran order is turned through a
    temporary file in `scratch`. Raises ArchiveRefusedError, ArchiveDamagedError, or
    BadArrayError with the array's name.
    """
    budget = Budget(limits, place.size_bytes)
    with open_zip(place, limits) as archive:
        sources: dict[str, ArraySource] = {}
        for member, info in members(archive, budget).items():
            name = member.removesuffix(SUFFIX)
            if name in sources:
                raise ArchiveRefusedError(f"it holds {name!r} twice")
            header = _header(archive, info, name)
            values = partial(_values, archive, info, header, budget, scratch)
            sources[name] = ArraySource(header.dtype, header.shape, values)
        yield sources


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NpyHeader:
    with damage_named(), archive.open(info) as member:
        try:
            header = read_npy_header(partial(read_fully, member.read))
        except BadArrayError as error:
            raise BadArrayError(f"the array {name!r} {error}") from error
    if header.size_bytes > info.file_size:
        raise BadArrayError(
            f"the array {name!r} declares {header.shape} ({header.size_bytes} bytes) but the "
            f"file holds {info.file_size} bytes"
        )
    return header


def _values(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    header: NpyHeader,
    budget: Budget,
    scratch: Path,
) -> Iterator[NDArray[np.generic]]:
    elements = math.prod(header.shape)
    with damage_named(), archive.open(info) as member:

        def counted(size_bytes: int) -> bytes:
            piece = member.read(size_bytes)
            budget.count(info.filename, len(piece))
            return piece

        read_npy_header(partial(read_fully, counted))
        stream = stored_values(counted, header.stored, elements)
        if not header.fortran or not elements:
            yield from stream
        else:
            with TemporaryFile(dir=scratch) as file:
                yield from _in_c_order(stream, header, file)
        if counted(1):
            raise BadArrayError("holds more data than it declares")


def _in_c_order(
    stream: Iterator[NDArray[np.generic]], header: NpyHeader, file: IO[bytes]
) -> Iterator[NDArray[np.generic]]:
    """The same elements in C order, through a temporary file, a few rows at a time."""
    for values in stream:
        file.write(values.tobytes())
    file.flush()
    dtype = header.stored.newbyteorder("=")
    turned = np.memmap(file, dtype=dtype, mode="r", shape=header.shape, order="F")
    rows = max(1, CHUNK_BYTES * header.shape[0] // header.size_bytes)
    for start in range(0, header.shape[0], rows):
        yield np.ascontiguousarray(turned[start : start + rows])
