"""The cuts of a packed file, one after the other, out of its body.

For each cut in order there lie: the stream of symbols that it opens, then what its plan
stores: all of the tensor, its squeezed bytes, its stored planes, its codebook.
"""

from collections.abc import Iterator, Sequence

from lathe.errors import CorruptPacked
from lathe.packed.binary import Work
from lathe.packed.elements import (
    Bytes,
    Codes,
    from_planes,
    from_table,
    integers,
    on_grid,
    symbol_shapes,
    table_bytes,
)
from lathe.packed.head.plan import (
    Codebook,
    Constant,
    Cut,
    Grid,
    Integers,
    Plane,
    Planes,
    Same,
    Spelled,
    Squeezed,
    Stored,
)
from lathe.packed.squeeze import unsqueeze
from lathe.packed.symbols import decode_matrices

MOST_SHARED = 1 << 20  # symbols of a stream that several cuts share
_CHUNK_BYTES = 1 << 20
Part = bytes | bytearray | memoryview | Bytes


class Body:
    """Decodes cut after cut; only the symbols of the stream at hand are kept."""

    def __init__(self, data: memoryview, cuts: Sequence[Cut]) -> None:
        """`data` is the file behind its head. Raises CorruptPacked for streams that lie."""
        self._data = data
        self._at = 0
        self._shapes = _streams(cuts)
        self._matrices: list[Codes] = []
        self._work = Work()

    def parts(self, cut: Cut) -> Iterator[Part]:  # noqa: C901 - one case a coding
        """The bytes of the next cut, which is no `Same`; raises CorruptPacked."""
        if cut.stream_bytes is not None:
            shapes = self._shapes.pop(0)
            self._matrices = decode_matrices(self._take(cut.stream_bytes), shapes, self._work)[
                ::-1
            ]
        match cut.plan:
            case Stored():
                yield self._take(cut.size_bytes)
            case Squeezed(size_bytes=size_bytes):
                yield unsqueeze(self._take(size_bytes), cut.size_bytes)
            case Spelled(data=data):
                yield data
            case Constant(element=element):
                yield from _repeated(element, cut.size_bytes)
            case Same():
                raise AssertionError("a repeated tensor is copied from the file itself")
            case Grid() as plan:
                codes = self._matrices.pop()
                yield on_grid(
                    plan, cut, codes, self._matrices.pop() if plan.steps is None else None
                )
            case Codebook() as plan:
                table = self._take(table_bytes(plan, cut))
                yield from_table(plan, cut, self._matrices.pop(), table)
            case Integers() as plan:
                yield integers(plan, cut, self._matrices.pop())
            case Planes() as plan:
                yield self._planes(plan, cut)

    def finish(self) -> None:
        """Raises CorruptPacked unless every byte was used."""
        if self._at != len(self._data):
            raise CorruptPacked("there are bytes behind the last tensor")

    def _planes(self, plan: Planes, cut: Cut) -> Bytes:
        rows, columns = plan.layout.shape(cut.dims)
        planes: list[Codes | memoryview | None] = []
        for mode, _ in plan.planes:
            match mode:
                case Plane.SYMBOLS:
                    planes.append(self._matrices.pop())
                case Plane.STORED:
                    planes.append(self._take(rows * columns))
                case Plane.CONSTANT:
                    planes.append(None)
        return from_planes(plan, cut, planes)

    def _take(self, size_bytes: int) -> memoryview:
        if size_bytes > len(self._data) - self._at:
            raise CorruptPacked("the file ends before its last tensor")
        self._at += size_bytes
        return self._data[self._at - size_bytes : self._at]


def _streams(cuts: Sequence[Cut]) -> list[list[tuple[int, int]]]:
    """The shapes of the matrices of each stream."""
    streams: list[list[tuple[int, int]]] = []
    symbols = tensors = 0
    for cut in cuts:
        if cut.stream_bytes is not None:
            streams.append([])
            symbols = tensors = 0
        shapes = symbol_shapes(cut)
        if not shapes:
            continue
        if not streams:
            raise CorruptPacked("symbols go on where no stream was opened")
        streams[-1] += shapes
        symbols += sum(rows * columns for rows, columns in shapes)
        tensors += 1
        if tensors > 1 and symbols > MOST_SHARED:
            raise CorruptPacked("a shared stream has more symbols than may be shared")
    return streams


def _repeated(element: bytes, size_bytes: int) -> Iterator[bytes]:
    chunk = element * max(_CHUNK_BYTES // len(element), 1)
    while size_bytes > 0:
        yield chunk[:size_bytes]
        size_bytes -= len(chunk)
