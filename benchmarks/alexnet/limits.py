"""What the rows have to keep, and their table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from benchmarks.alexnet.cases import CASES, NARROW, TOGETHER, WHOLE
from benchmarks.alexnet.row import Row
from benchmarks.harness import Line

Rows = dict[str, Row]
POINTS_LOST = 2.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure of one case and the least or most that it may be."""

    net: str
    case: str
    what: str
    of: Callable[[Row], float]
    target: float
    at_least: bool = True

    def line(self, rows: Rows) -> Line | None:
        """The figure; None where the row is not there."""
        row = rows.get(f"{self.net}/{self.case}")
        if row is None:
            return None
        what = f"{self.net}, {self.case}: {self.what}"
        return Line(what, self.of(row), self.target, self.at_least)


def smaller(row: Row) -> float:
    """The ONNX file, times."""
    return row.smaller


def packed_smaller(row: Row) -> float:
    """The packed file, times."""
    return row.packed_smaller


def faster(row: Row) -> float:
    """At batch 1, times."""
    return row.faster


def macs_left(row: Row) -> float:
    """Fraction of the multiply-accumulates."""
    return row.macs_left


def lost(row: Row) -> float:
    """Points of accuracy; raises ValueError where nothing was judged."""
    if row.points_lost is None:
        raise ValueError(f"{row.net}/{row.case} was not judged")
    return row.points_lost


LIMITS = [
    Limit(NARROW, "quantized", "times smaller", smaller, 3.5),
    Limit(NARROW, "filters", "MACs left", macs_left, 0.6, at_least=False),
    Limit(NARROW, "neurons", "times smaller", smaller, 1.5),
    Limit(NARROW, "svd", "times smaller", smaller, 1.5),
    Limit(NARROW, TOGETHER, "times smaller", smaller, 4),
    Limit(NARROW, TOGETHER, "times smaller, packed", packed_smaller, 4),
    Limit(NARROW, TOGETHER, "times faster", faster, 1),
    *(Limit(NARROW, case, "points lost", lost, POINTS_LOST, at_least=False) for case in CASES),
    Limit(WHOLE, "quantized", "times smaller", smaller, 3.5),
    Limit(WHOLE, "quantized", "times faster", faster, 1),
    Limit(WHOLE, "filters", "times faster", faster, 1),
    Limit(WHOLE, "neurons", "times smaller", smaller, 1.5),
    Limit(WHOLE, "svd", "times smaller", smaller, 2),
    Limit(WHOLE, TOGETHER, "times smaller", smaller, 4),
    Limit(WHOLE, TOGETHER, "times faster", faster, 1),
]


def show(rows: Iterable[Row]) -> None:
    """One line a step, under the dense net of the same job."""
    print(
        f"{'net/case':<18}{'after':<17}{'onnx':>12}{'packed':>12}{'x':>7}{'MACs':>13}"
        f"{'ms':>9}{'ratio':>7} {'accuracy':>9}{'step s':>8}"
    )
    for row in rows:
        for line in _table(row):
            print(line)


def _table(row: Row) -> Iterator[str]:
    for state in row.states:
        name = f"{row.net}/{row.case}" if state is row.dense else ""
        packed = "" if state.packed_bytes is None else f"{state.packed_bytes:,}"
        smallest = state.packed_bytes or state.onnx_bytes
        accuracy = "-" if state.accuracy is None else f"{state.accuracy:.4f}"
        yield (
            f"{name:<18}{state.after:<17}{state.onnx_bytes:>12,}{packed:>12}"
            f"{row.dense.onnx_bytes / smallest:>7.1f}{state.macs:>13,}"
            f"{state.latency_ms:>9.3f}{state.latency_ratio:>7.2f}{'*' * state.contended:<1}"
            f"{accuracy:>9}{state.step_s:>8.1f}"
        )
