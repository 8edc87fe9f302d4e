"""A skeleton and its cuts as one file again."""

import hashlib
from typing import BinaryIO

import numpy as np

from lathe.errors import CorruptPacked
from lathe.packed.body import Body, Part
from lathe.packed.head.plan import Cut, Same, Skeleton

_CHUNK_BYTES = 1 << 20


def splice(skeleton: Skeleton, body: memoryview, file: BinaryIO) -> bytes:
    """Write the ONNX file to the empty `file`, which is read too; returns its SHA-256.

    The cuts are decoded one after the other and written as they come. Raises CorruptPacked.
    """
    cuts = Body(body, [cut for _, cut in skeleton.cuts])
    growing = _Growing(file)
    done = 0
    for at, cut in skeleton.cuts:
        growing.write(skeleton.wire[done:at])
        growing.cut(cut, cuts)
        done = at
    growing.write(skeleton.wire[done:])
    cuts.finish()
    return growing.digest()


class _Growing:
    """The file in the making, its digest, and where each cut lies in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._at = 0
        self._cuts: list[int] = []

    def write(self, part: Part) -> None:
        view = part.data if isinstance(part, np.ndarray) else memoryview(part)
        self._file.write(view)
        self._hash.update(view)
        self._at += view.nbytes

    def cut(self, cut: Cut, body: Body) -> None:
        begin = self._at
        if isinstance(cut.plan, Same):
            self._copy(self._cuts[-cut.plan.back], cut.size_bytes)
        else:
            for part in body.parts(cut):
                self.write(part)
        if self._at - begin != cut.size_bytes:
            raise CorruptPacked("a tensor has another size than its shape")
        self._cuts.append(begin)

    def _copy(self, begin: int, size_bytes: int) -> None:
        """Write a part of the file once more."""
        for at in range(begin, begin + size_bytes, _CHUNK_BYTES):
            self._file.seek(at)
            chunk = self._file.read(min(_CHUNK_BYTES, begin + size_bytes - at))
            self._file.seek(self._at)
            self.write(chunk)

    def digest(self) -> bytes:
        return self._hash.digest()
