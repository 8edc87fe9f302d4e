"""What the rows have to keep, and how they are shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import mean

from benchmarks.deep_compression.networks import LENET_5, LENET_300_100
from benchmarks.deep_compression.rows import Row
from benchmarks.harness import Line

MAIN_CASE, CLASSIC, RECOVERED = "deep-compression", "classic", "recovered"
RESNET, MINILM = "resnet-20", "minilm"
MOST_MINUTES = 30
FEWEST_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure of one subject and case, the mean over its seeds."""

    subject: str
    case: str
    what: str
    of: Callable[[Row], float]
    target: float
    at_least: bool
    seeds: int = 1

    def line(self, rows: Iterable[Row]) -> Line | None:
        """Judged; None where a row is missing."""
        mine = [r for r in rows if (r.subject, r.case) == (self.subject, self.case)]
        if len(mine) < self.seeds:
            return None
        what = f"{self.subject}, {self.case}: {self.what}"
        return Line(what, mean(map(self.of, mine)), self.target, self.at_least)


def smaller(row: Row) -> float:
    """Times, every byte of the file counted."""
    return row.smaller


def smaller_by_huffman(row: Row) -> float:
    """Times, had the symbols been coded by Huffman's method."""
    return row.dense_bytes / (row.huffman_bytes or row.size_bytes)


def error(row: Row) -> float:
    """Percent of the test examples."""
    return 100 * (1 - row.score)


def points_lost(row: Row) -> float:
    """Percentage points against the dense net."""
    return 100 * (row.dense_score - row.score)


def lost(row: Row) -> float:
    """In the metric's own unit."""
    return row.dense_score - row.score


def minutes(row: Row) -> float:
    """From submitting to the last byte."""
    return row.wall_s / 60


def _lenet(name: str, least: float, aim: float, most: float, classic: float) -> list[Limit]:
    def limit(
        case: str, what: str, of: Callable[[Row], float], target: float, *, at_least: bool
    ) -> Limit:
        return Limit(name, case, what, of, target, at_least, FEWEST_SEEDS)

    return [
        limit(MAIN_CASE, f"times smaller (aim {aim:g})", smaller, least, at_least=True),
        limit(MAIN_CASE, "test error %", error, most, at_least=False),
        limit(MAIN_CASE, "minutes", minutes, MOST_MINUTES, at_least=False),
        limit(CLASSIC, "times smaller by Huffman", smaller_by_huffman, 40, at_least=True),
        limit(CLASSIC, "test error %", error, classic, at_least=False),
    ]


LIMITS = [
    *_lenet(LENET_300_100, least=150, aim=200, most=1.60, classic=1.64),
    *_lenet(LENET_5, least=450, aim=700, most=0.95, classic=0.80),
    Limit(RESNET, MAIN_CASE, "times smaller", smaller, 14, at_least=True),
    Limit(RESNET, MAIN_CASE, "points lost", points_lost, 0.5, at_least=False),
    Limit(RESNET, RECOVERED, "times smaller", smaller, 20, at_least=True),
    Limit(RESNET, RECOVERED, "points lost", points_lost, 0.5, at_least=False),
    Limit(MINILM, MAIN_CASE, "times smaller (aim 12)", smaller, 9.5, at_least=True),
    Limit(MINILM, MAIN_CASE, "Spearman lost", lost, 0.005, at_least=False),
]


def show(rows: Iterable[Row]) -> None:
    """One line a row."""
    print(
        f"{'network':<15}{'case':<18}{'seed':>4}{'bytes':>11}{'x':>7}{'huffman':>9}"
        f"{'test':>8} {'95 %':<15}{'dense':>7}{'held-out':>9}{'min':>6}{'dec s':>7}  exact"
    )
    for row in rows:
        near = "" if row.interval is None else "[{:.2f}, {:.2f}]".format(*row.interval)
        wrong = row.right is not None
        test, dense, held = (
            value if value is None or not wrong else 100 * (1 - value)
            for value in (row.score, row.dense_score, row.held_out_score)
        )
        print(
            f"{row.subject:<15}{row.case:<18}{row.seed:>4}{row.size_bytes:>11,}"
            f"{row.smaller:>7.1f}{row.huffman_bytes or 0:>9,}"
            f"{test:>8.3f} {near:<15}{dense:>7.3f}"
            f"{'-' if held is None else format(held, '.3f'):>9}{minutes(row):>6.1f}"
            f"{row.decode_s:>7.2f}  {'yes' if row.exact else 'NO'}"
        )
    print("test, dense, held-out: error in percent, or Spearman's rank correlation")
