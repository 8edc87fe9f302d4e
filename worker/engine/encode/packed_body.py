"""The cuts of a file in the making, and their body, which goes to a file as it grows."""

import hashlib
from dataclasses import dataclass, replace
from typing import BinaryIO

from lathe.packed.body import MOST_SHARED
from lathe.packed.head.plan import Cut, Planes, Stored
from worker.engine.encode.choice import Choice
from worker.engine.encode.head_tokens import Region
from worker.engine.encode.huffman import huffman_bytes
from worker.engine.encode.pack_report import PackedTensor
from worker.engine.encode.symbols import Effort, Profile, encode_matrices

_HELD_BYTES = 4 << 20  # stored bytes that wait for the stream before them
_REPEATED_BYTES = 32  # a smaller tensor is not worth looking for its twin


@dataclass(slots=True)
class _Waiting:
    """A cut whose place in the body is behind a stream that is not whole yet."""

    place: int
    region: Region
    choice: Choice
    data: memoryview


class PackedBody:
    """Takes cut after cut; `cuts` and `tensors` are whole after `finish`."""

    def __init__(self, file: BinaryIO, profile: Profile) -> None:
        self.cuts: list[Cut] = []
        self.tensors: list[PackedTensor] = []
        self._file = file
        self._profile = profile
        self._effort = Effort()
        self._waiting: list[_Waiting] = []
        self._symbols = self._held_bytes = 0
        self._seen: dict[bytes, int] = {}

    def same_as(self, data: memoryview) -> int | None:
        """How many cuts ago the same bytes came; None where they are new."""
        if len(data) < _REPEATED_BYTES:
            return None
        digest = hashlib.sha256(data).digest() + len(data).to_bytes(8, "big")
        seen = self._seen.setdefault(digest, len(self.cuts))
        return len(self.cuts) - seen or None

    def add(self, region: Region, choice: Choice, data: memoryview) -> None:
        """The next cut, its bytes and how they are coded."""
        symbols = sum(matrix.size for matrix in choice.matrices)
        if symbols and self._symbols + symbols > MOST_SHARED:
            self._flush()
        self._waiting.append(_Waiting(len(self.cuts), region, choice, data))
        self.cuts.append(Cut(region.size_bytes, region.data_type, region.dims, choice.plan))
        self._symbols += symbols
        self._held_bytes += sum(len(stored) for stored in choice.stored)
        if not self._symbols or self._held_bytes > _HELD_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write what still waits."""
        self._flush()

    def _flush(self) -> None:
        """Write the stream that the waiting cuts share, then what each stores besides."""
        sharing = [waiting for waiting in self._waiting if waiting.choice.matrices]
        matrices = [matrix for waiting in sharing for matrix in waiting.choice.matrices]
        stream = b""
        if matrices:
            stream = encode_matrices(matrices, profile=self._profile, effort=self._effort)
        expected = sum(_expected(waiting.choice) for waiting in sharing)
        for waiting in self._waiting:
            size_bytes = 0.0
            if sharing and waiting is sharing[0]:
                cut = self.cuts[waiting.place]
                self.cuts[waiting.place] = replace(cut, stream_bytes=len(stream))
                self._file.write(stream)
            if waiting.choice.matrices:
                size_bytes += len(stream) * _expected(waiting.choice) / expected
            size_bytes += self._store(waiting)
            coding = type(waiting.choice.plan).__name__.lower()
            region = waiting.region
            self.tensors.append(
                PackedTensor(
                    region.name,
                    coding,
                    region.size_bytes,
                    round(size_bytes),
                    _by_huffman(waiting.choice),
                )
            )
        self._waiting = []
        self._symbols = self._held_bytes = 0

    def _store(self, waiting: _Waiting) -> int:
        if isinstance(waiting.choice.plan, Stored):
            return self._file.write(waiting.data)
        return sum(self._file.write(stored) for stored in waiting.choice.stored)


def _by_huffman(choice: Choice) -> int | None:
    """What the tensor would take in Huffman codes; None where its values are not few."""
    if not choice.matrices or isinstance(choice.plan, Planes):
        return None
    codes = sum(huffman_bytes(matrix) for matrix in choice.matrices)
    return codes + sum(len(stored) for stored in choice.stored)


def _expected(choice: Choice) -> float:
    return max(choice.size_bytes - sum(len(stored) for stored in choice.stored), 1.0)
