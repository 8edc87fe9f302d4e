"""The writing half of lathe.packed.ranged: tries a few layouts, writes the smallest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.packed.lanes import further_steps
from lathe.packed.ranged import COLUMN_CLASSES, ROW_CLASSES, SHARED, WIDEST
from lathe.packed.tokens import MOST_DIRECT, raw_widths
from lathe.packed.zigzag import zigzag
from worker.engine.encode.activity import Activity, classes, spread
from worker.engine.encode.bits import pack_bits
from worker.engine.encode.lanes import Run, write_lanes
from worker.engine.encode.tables import Tables, own_tables, shared_tables
from worker.engine.encode.tokens import split_tokens

Codes = NDArray[np.int32]
Classes = NDArray[np.uint8]

DIRECT = (4, 16, 64, MOST_DIRECT)
COUNTS = (1, 3, 6, 12)  # classes of rows and columns that are tried
WORTH_CLASSES = 256  # codes: fewer are not tried with classes
SAMPLE = 1 << 20  # codes by which a layout is chosen


@dataclass(frozen=True, eq=False)
class Layout:
    """One way to write a matrix. Classes are None where all are of one."""

    direct: int
    rows: Classes | None
    columns: Classes | None

    @property
    def tables(self) -> int:
        """How many tables the classes need."""
        return _most(self.rows) + _most(self.columns) - 1


@dataclass(frozen=True)
class Pace:
    """How many lanes: many decode faster, few take fewer bytes (some 3 each).

    A section takes no more than `most_steps`, and has a lane for about `lane_bytes`.
    """

    most_steps: int
    lane_bytes: int


@dataclass(frozen=True, eq=False)
class Ranged:
    """A matrix ready for the lanes: its head, its runs of tokens, its raw bits."""

    head: bytes
    runs: tuple[Run, ...]
    raw: NDArray[np.int64]
    raw_widths: NDArray[np.uint8]
    bits: float  # of the runs and of the raw bits

    @property
    def size_bytes(self) -> float:
        """What it takes in a section, the lanes apart."""
        return len(self.head) + self.bits / 8


def ranged(codes: Codes) -> Ranged:
    """`codes` (rows, columns), at least one of them not zero, in the layout that suits them."""
    naturals = zigzag(codes)
    layout = _smallest(codes, naturals)
    live = _live(layout, naturals)
    tokens, raw = split_tokens(live.ravel(), layout.direct)
    contexts = _contexts(layout, live)
    counts = _counts(tokens, contexts, layout.tables)
    tables = _tables(counts)
    runs, written = list[Run](), b""
    flags = SHARED if tables.shared else 0
    bits = tables.bits(counts) - 8 * len(tables.written)
    for part, flag in ((layout.rows, ROW_CLASSES), (layout.columns, COLUMN_CLASSES)):
        if part is not None:
            flags |= flag
            sizes = np.bincount(part)[None]
            table = own_tables(sizes)
            bits += table.bits(sizes) - 8 * len(table.written)
            runs.append(Run(part, np.zeros(len(part), np.uint8), table.frequencies))
            written += bytes([table.frequencies.shape[1]]) + table.written[1:]
    runs.append(Run(tokens, contexts, tables.frequencies))
    widths = raw_widths(tokens[tokens >= layout.direct], layout.direct)
    head = bytes([flags, layout.direct]) + written + tables.written
    return Ranged(head, tuple(runs), raw, widths, bits + int(widths.sum(dtype=np.int64)))


def write_ranged(matrices: Sequence[Ranged], pace: Pace) -> bytes:
    """The section of all `matrices`, which share the lanes."""
    runs = [run for matrix in matrices for run in matrix.runs]
    exponent = _exponent(sum(matrix.bits for matrix in matrices), runs, pace)
    heads = b"".join(matrix.head for matrix in matrices)
    raw = pack_bits(
        np.concatenate([matrix.raw for matrix in matrices]),
        np.concatenate([matrix.raw_widths for matrix in matrices]),
    )
    return bytes([exponent]) + heads + write_lanes(runs, 1 << exponent) + raw


def _smallest(codes: Codes, naturals: NDArray[np.int64]) -> Layout:
    """The layout that costs a sample of the codes least."""
    activity = Activity.of(codes)
    sample = _Sample.of(naturals)
    most = int(naturals.max()) + 1
    directs = sorted({min(direct, most, MOST_DIRECT) for direct in DIRECT})
    plain = min((Layout(direct, None, None) for direct in directs), key=sample.bits)
    layouts = [plain]
    for count in COUNTS if codes.size >= WORTH_CLASSES else ():
        wide = max(spread(activity.rows), spread(activity.columns)) / max(count - 1, 1)
        row = spread(activity.rows) / max(count - 1, 1)
        column = spread(activity.columns) / max(count - 1, 1)
        rows, columns = activity.rows, activity.columns
        layouts += [
            Layout(plain.direct, classes(rows, count, row), None),
            Layout(plain.direct, None, classes(columns, count, column)),
            Layout(plain.direct, classes(rows, count, wide), classes(columns, count, wide)),
        ]
    return min(layouts, key=sample.bits)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some rows and columns of the naturals, and how many times more there are of all."""

    naturals: NDArray[np.int64]
    every_row: int
    every_column: int

    @classmethod
    def of(cls, naturals: NDArray[np.int64]) -> "_Sample":
        every_row = min(-(-naturals.size // SAMPLE), len(naturals))
        part = naturals[::every_row]
        every_column = -(-part.size // SAMPLE)
        return cls(part[:, ::every_column], every_row, every_column)

    def bits(self, layout: Layout) -> float:
        """What `layout` costs, about."""
        thin = Layout(
            layout.direct,
            None if layout.rows is None else layout.rows[:: self.every_row],
            None if layout.columns is None else layout.columns[:: self.every_column],
        )
        live = _live(thin, self.naturals)
        tokens, _ = split_tokens(live.ravel(), layout.direct)
        counts = _counts(tokens, _contexts(thin, live), layout.tables)
        tables = _tables(counts)
        raw = raw_widths(tokens[tokens >= layout.direct], layout.direct).sum(dtype=np.int64)
        once = 8 * len(tables.written)
        coded = tables.bits(counts) - once + int(raw)
        bits = coded * self.every_row * self.every_column + once
        for part in (layout.rows, layout.columns):
            if part is not None:
                bits += own_tables(np.bincount(part)[None]).bits(np.bincount(part)[None])
        return bits


def _most(part: Classes | None) -> int:
    return 1 if part is None else int(part.max())


def _live(layout: Layout, naturals: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows and columns that are not of class 0."""
    rows = slice(None) if layout.rows is None else layout.rows > 0
    columns = slice(None) if layout.columns is None else layout.columns > 0
    return naturals[rows][:, columns]


def _contexts(layout: Layout, live: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The table of each live natural, row by row."""
    ones = [np.ones(size, np.uint8) for size in live.shape]
    rows = ones[0] if layout.rows is None else layout.rows[layout.rows > 0]
    columns = ones[1] if layout.columns is None else layout.columns[layout.columns > 0]
    return (rows[:, None] + columns[None] - np.uint8(2)).ravel()


def _counts(tokens: NDArray[np.uint8], contexts: Classes, tables: int) -> NDArray[np.int64]:
    """How often each token occurs in each table: (tables, tokens)."""
    size = int(tokens.max(initial=0)) + 1
    flat = np.bincount(contexts.astype(np.int64) * size + tokens, minlength=tables * size)
    return flat.reshape(tables, size)


def _tables(counts: NDArray[np.int64]) -> Tables:
    """The cheaper of own and shared tables."""
    both = own_tables(counts), shared_tables(counts)
    return min(both, key=lambda tables: tables.bits(counts))


def _exponent(bits: float, runs: Sequence[Run], pace: Pace) -> int:
    """log2 of the lanes for so many `bits` in `runs`."""
    exponent = round(float(np.log2(max(bits / 8 / pace.lane_bytes, 1.0))))
    while _steps(runs, 1 << exponent) > pace.most_steps:
        exponent += 1
    return min(exponent, WIDEST)


def _steps(runs: Sequence[Run], lanes: int) -> int:
    return sum(further_steps(len(run.tokens), lanes) for run in runs)
