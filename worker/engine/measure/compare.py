"""Candidate against baseline on the same examples or in one timed run, with 95 % intervals.

Accuracy of single answers, n examples of which the candidate lost b and gained c:

    b* = b + 1/2,  c* = c + 1/2,  n* = n + 2
    (c* - b*) / n*  +-  1.96 sqrt(b* + c* - (c* - b*)^2 / n*) / n*

    the paired (McNemar) layout's Wald interval with half an example added to each of its four
    cells: Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions", Statistics in Medicine 24 (2005). Without the addition it would claim
    certainty where no example changed.

Every other score: percentile bootstrap of the difference, both files resampled by the same
examples: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
Latency: the median of the paired log-ratios, with a bootstrap over the pairs; one slow run
in a pair moves neither end.
"""

import math
from collections.abc import Iterator

import numpy as np

from lathe.report import Comparison, Interval, Measurement
from worker.engine.measure.evaluate import Evaluation
from worker.engine.measure.judgement import Classified
from worker.engine.measure.metrics import Floats, Ints

Z_95 = 1.959963984540054
RESAMPLES = 1000
CHUNK_ELEMENTS = 4_000_000  # row numbers held at once, 32 MB


def compare_quality(
    metric: str, baseline: Evaluation, candidate: Evaluation, *, seed: int
) -> Comparison:
    """Candidate minus baseline of one score, paired example by example."""
    if baseline.examples != candidate.examples:
        raise ValueError("baseline and candidate were judged on different examples")
    low, high, method = _interval(metric, baseline, candidate, seed)
    return Comparison(
        metric=metric,
        kind="difference",
        change=candidate.scores[metric] - baseline.scores[metric],
        interval=Interval(low=low, high=high),
        examples=candidate.examples,
        method=method,
    )


def compare_latency(baseline: Measurement, candidate: Measurement, *, seed: int) -> Comparison:
    """Candidate over baseline of latencies timed run by run side by side."""
    pairs = np.log(np.array(candidate.samples)) - np.log(np.array(baseline.samples))
    rng = np.random.default_rng(seed)
    medians = np.concatenate(
        [np.median(pairs[rows], axis=1) for rows in _resamples(len(pairs), rng)]
    )
    low, high = np.quantile(medians, [0.025, 0.975])
    return Comparison(
        metric=candidate.metric,
        kind="ratio",
        change=math.exp(float(np.median(pairs))),
        interval=Interval(low=math.exp(low), high=math.exp(high)),
        method=f"median of {len(pairs)} paired log-ratios, {RESAMPLES} bootstrap resamples",
        batch_size=candidate.batch_size,
    )


def compare_cost(metric: str, baseline: float, candidate: float) -> Comparison:
    """Candidate over baseline of a number that has no spread, such as bytes."""
    return Comparison(metric=metric, kind="ratio", change=candidate / baseline)


def _interval(
    metric: str, baseline: Evaluation, candidate: Evaluation, seed: int
) -> tuple[float, float, str]:
    before, after = baseline.judgement, candidate.judgement
    if metric == "accuracy" and isinstance(before, Classified) and before.labels.ndim == 1:
        assert isinstance(after, Classified)
        return _matched(before.correct, after.correct)
    rng = np.random.default_rng(seed)
    old, new = before.per_example(metric), after.per_example(metric)
    if old is not None and new is not None and not np.isnan(old).any():
        changes = new - old
        drawn = np.concatenate(
            [changes[rows].mean(axis=1) for rows in _resamples(len(changes), rng)]
        )
    else:
        count = candidate.examples
        drawn = np.array(
            [
                after.score(metric, rows) - before.score(metric, rows)
                for some in _resamples(count, rng)
                for rows in some
            ]
        )
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high), f"paired bootstrap, {RESAMPLES} resamples"


def _matched(before: Floats, after: Floats) -> tuple[float, float, str]:
    """Of per-example right (1) and wrong (0); NaN marks examples that do not count."""
    lost = int(((before == 1) & (after == 0)).sum())
    gained = int(((before == 0) & (after == 1)).sum())
    examples = int((~np.isnan(before)).sum())
    b, c, n = lost + 0.5, gained + 0.5, examples + 2
    centre = (c - b) / n
    half = Z_95 * math.sqrt(b + c - (c - b) ** 2 / n) / n
    method = f"paired Wald interval after Agresti and Min; {lost} lost, {gained} gained"
    return max(-1.0, centre - half), min(1.0, centre + half), method


def _resamples(count: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Row numbers drawn with replacement, (resamples, count) in bounded pieces."""
    at_once = max(1, CHUNK_ELEMENTS // max(1, count))
    for start in range(0, RESAMPLES, at_once):
        size = (min(at_once, RESAMPLES - start), count)
        yield rng.integers(0, count, size=size)
