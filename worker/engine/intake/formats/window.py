"""A member that lies somewhere in a larger file, read as a file of its own."""

import io
import os
from typing import BinaryIO

from worker.engine.onnx_file.place import Place

BUFFER_BYTES = 1 << 16


class _Window(io.RawIOBase):
    def __init__(self, place: Place) -> None:
        self._file = place.path.open("rb", buffering=0)
        self._begin, self._size = place.offset, place.size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError(22, "a place before the start of the file")
        self._at = origin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type] # any writable buffer
        wanted = max(0, min(len(view), self._size - self._at))
        data = os.pread(self._file.fileno(), wanted, self._begin + self._at)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def window(place: Place) -> BinaryIO:
    """Those bytes as a seekable file; close it."""
    return io.BufferedReader(_Window(place), BUFFER_BYTES)
