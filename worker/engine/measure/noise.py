"""How the primary score holds up when inputs are noisy.

    x' = x + sigma * s * e,  e ~ N(0, 1)

    s  standard deviation of one float input over the examples that are looked at

Baseline and candidate see the same e, and so does every sigma: it is drawn from the seed, the
input's place and the example's row alone. Integer inputs (token ids, bytes) stay as they are.

The cost is bounded: at most 1000 examples, and fewer, down to 100, for a model whose runs over
them would multiply and accumulate more than MOST_MACS times in all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from lathe.report import NoiseCheck, NoisePoint
from lathe.task import Task
from worker.engine.context import Arrays, Report, Samples, silent
from worker.engine.measure.answers import batches
from worker.engine.measure.evaluate import Pair, evaluate

SIGMAS = (0.0, 0.05, 0.1, 0.2)
FEWEST_EXAMPLES, MOST_EXAMPLES = 100, 1000
MOST_MACS = 250_000_000_000  # four seconds on one core
BATCH = 32
AGAINST_THE_ORIGINAL = {"agreement", "sqnr_db"}

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Noisy:
    """Some rows of `samples` with noise on every float input; implements Samples."""

    samples: Samples
    chosen: Rows
    deviations: dict[str, float]
    sigma: float
    seed: int

    @property
    def count(self) -> int:
        """How many examples."""
        return len(self.chosen)

    @property
    def has_labels(self) -> bool:
        """Whether `labels` can be called."""
        return self.samples.has_labels

    def inputs(self, rows: Rows) -> Arrays:
        """As the samples' own, float inputs with their noise added."""
        places = self.chosen[rows]
        return {
            name: self._disturbed(place, name, values, places)
            for place, (name, values) in enumerate(self.samples.inputs(places).items())
        }

    def labels(self, rows: Rows) -> NDArray[np.generic]:
        """As the samples' own."""
        return self.samples.labels(self.chosen[rows])

    def _disturbed(
        self, place: int, name: str, values: NDArray[np.generic], rows: Rows
    ) -> NDArray[np.generic]:
        size = self.sigma * self.deviations.get(name, 0.0)
        if size == 0:
            return values
        noise = np.stack(
            [
                np.random.default_rng([self.seed, place, int(row)]).standard_normal(
                    values.shape[1:], dtype=np.float32
                )
                for row in rows
            ]
        )
        return np.asarray(values.astype(np.float64) + size * noise, dtype=values.dtype)


@dataclass(frozen=True, slots=True)
class Heard:
    """The points from the weakest noise on, and what they rest on."""

    points: tuple[NoisePoint, ...]
    check: NoiseCheck


def noise_curve(
    baseline: Path,
    candidate: Path,
    data: Samples | Pair,
    task: Task,
    *,
    seed: int,
    threads: int,
    macs: int | None = None,
    progress: Report = silent,
) -> Heard | None:
    """The primary metric of both files at every sigma, on a bounded number of examples; None
    where no input holds floats.

    `macs` is what one example costs the baseline. A file that answers NaN or infinity ends the
    curve before that sigma; the check says so.
    """
    started_s = time.perf_counter()
    first = data.a if isinstance(data, Pair) else data
    chosen = _chosen(first.count, seed, examples_within(macs, sides=_sides(data)))
    deviations = input_deviations(first, chosen)
    if not deviations:
        return None
    metric = task.measured[0]
    only = task.model_copy(update={"metrics": (metric,)})

    def score(file: Path, sigma: float) -> float:
        made = evaluate(
            file,
            _noisy(data, chosen, deviations, sigma, seed),
            only,
            reference=baseline if metric in AGAINST_THE_ORIGINAL else None,
            batch_size=BATCH,
            threads=threads,
            progress=progress,
        )
        return made.scores[metric]

    points, stopped = _points(score, baseline, candidate)
    check = NoiseCheck(
        examples=len(chosen),
        of=first.count,
        wall_s=time.perf_counter() - started_s,
        stopped=stopped,
    )
    return Heard(points, check)


def examples_within(macs: int | None, *, sides: int = 1) -> int:
    """How many examples both files may be shown at every sigma."""
    if not macs:
        return MOST_EXAMPLES
    affordable = MOST_MACS // (2 * len(SIGMAS) * sides * macs)
    return min(MOST_EXAMPLES, max(FEWEST_EXAMPLES, affordable))


def _points(
    score: Callable[[Path, float], float], baseline: Path, candidate: Path
) -> tuple[tuple[NoisePoint, ...], str | None]:
    points: list[NoisePoint] = []
    for sigma in SIGMAS:
        try:
            before, after = score(baseline, sigma), score(candidate, sigma)
        except StepImpossible as impossible:
            return tuple(points), f"at {sigma:g} times the deviation {impossible}"
        points.append(NoisePoint(sigma=sigma, baseline=before, candidate=after))
    return tuple(points), None


def input_deviations(samples: Samples, rows: Rows) -> dict[str, float]:
    """Standard deviation of each float input over these rows, all positions together."""
    totals: dict[str, tuple[float, float, int]] = {}
    part = Noisy(samples, rows, {}, 0.0, 0)
    for _, inputs in batches(part, BATCH):
        for name, values in inputs.items():
            if values.dtype.kind == "f":
                exact = values.astype(np.float64)
                total, squares, count = totals.get(name, (0.0, 0.0, 0))
                totals[name] = (
                    total + float(exact.sum()),
                    squares + float(np.square(exact).sum()),
                    count + exact.size,
                )
    return {
        name: float(np.sqrt(max(0.0, squares / count - (total / count) ** 2)))
        for name, (total, squares, count) in totals.items()
    }


def _chosen(count: int, seed: int, most: int) -> Rows:
    if count <= most:
        return np.arange(count, dtype=np.int64)
    drawn = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(drawn.astype(np.int64))


def _sides(data: Samples | Pair) -> int:
    return 2 if isinstance(data, Pair) else 1


def _noisy(
    data: Samples | Pair, chosen: Rows, deviations: dict[str, float], sigma: float, seed: int
) -> Samples | Pair:
    """Both sides of a pair get noise of their own."""
    if isinstance(data, Pair):
        return Pair(
            Noisy(data.a, chosen, deviations, sigma, seed),
            Noisy(data.b, chosen, deviations, sigma, seed + 1),
        )
    return Noisy(data, chosen, deviations, sigma, seed)
