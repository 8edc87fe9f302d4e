"""How the bytes of one cut are coded: what a head says of them."""

from dataclasses import dataclass, field
from enum import IntEnum
from math import prod


class Coding(IntEnum):
    """The codings of a cut; the numbers are the format's."""

    STORED = 0  # as they are
    SQUEEZED = 1  # by LZMA
    SPELLED = 2  # as tokens of the head
    SAME = 3  # those of an earlier cut
    CONSTANT = 4  # one element, again and again
    PLANES = 5  # byte planes, each stored or as symbols
    GRID = 6  # whole numbers times steps
    CODEBOOK = 7  # a table and symbols
    INTEGERS = 8  # symbols plus an offset


class Plane(IntEnum):
    """The codings of one byte plane."""

    STORED = 0
    SYMBOLS = 1
    CONSTANT = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A tensor as a matrix of symbols: its first `split` axes are the rows."""

    split: int = 1

    def shape(self, dims: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of a tensor of `dims`."""
        return prod(dims[: self.split]), prod(dims[self.split :])


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes lie in the body."""


@dataclass(frozen=True, slots=True)
class Squeezed:
    """`size_bytes` of the body are LZMA's of them."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Spelled:
    """The bytes themselves."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Same:
    """The bytes of the cut that is `back` cuts before this one."""

    back: int


@dataclass(frozen=True, slots=True)
class Constant:
    """`element` is repeated."""

    element: bytes


@dataclass(frozen=True, slots=True)
class Planes:
    """Byte planes of the elements, the highest first: each one's coding, and the value that
    its symbols are differences from (or that it has everywhere)."""

    layout: Layout
    planes: tuple[tuple[Plane, int], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Symbols times float32 steps: one, or one for each index of `axis`.

    The steps are bit patterns of `kept` bytes, the lower ones being zero: `steps` itself, or,
    where that is None, symbols that are differences from `base`.
    """

    layout: Layout
    axis: int | None
    kept: int
    steps: tuple[int, ...] | None
    base: int = 0


@dataclass(frozen=True, slots=True)
class Codebook:
    """Symbols are places in a table of `entries` elements, counted from `zero`; the table
    lies in the body, of each element the `kept` high bytes."""

    layout: Layout
    entries: int
    zero: int
    kept: int


@dataclass(frozen=True, slots=True)
class Integers:
    """Symbols plus `offset` are the elements."""

    layout: Layout
    offset: int


Plan = (
    Stored | Squeezed | Spelled | Same | Constant | Planes | Grid | Codebook | Integers
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes taken out of the file: how many, what they are, and how they are coded.

    `data_type` is ONNX's, 0 for bytes that are no tensor's numbers. Symbols lie in a stream
    that several cuts may share: `stream_bytes` opens one, None goes on in the one before.
    """

    size_bytes: int
    data_type: int
    dims: tuple[int, ...]
    plan: Plan
    stream_bytes: int | None = None


@dataclass(slots=True)
class Skeleton:
    """A message without what was cut out of it: each cut belongs before byte `at` of `wire`."""

    wire: bytearray = field(default_factory=bytearray)
    cuts: list[tuple[int, Cut]] = field(default_factory=list)
    cut_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole message."""
        return len(self.wire) + self.cut_bytes

    def cut(self, cut: Cut) -> None:
        """Append a cut."""
        self.cuts.append((len(self.wire), cut))
        self.cut_bytes += cut.size_bytes

    def append(self, inner: "Skeleton") -> None:
        """Append all of another message."""
        self.cuts += [(len(self.wire) + at, cut) for at, cut in inner.cuts]
        self.wire += inner.wire
        self.cut_bytes += inner.cut_bytes
