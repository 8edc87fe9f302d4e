"""Intervals against hand arithmetic and against what they promise."""

import math

import numpy as np
import pytest

from lathe.report import Measurement
from worker.engine.measure.compare import compare_cost, compare_latency, compare_quality
from worker.engine.measure.evaluate import Evaluation
from worker.engine.measure.judgement import Classified, Regressed
from worker.engine.measure.metrics import Ints


def answers(right: Ints) -> Evaluation:
    """Labels are all 0; a right answer says 0, a wrong one 1."""
    labels = np.zeros(len(right), np.int64)
    judged = Classified(1 - right, labels, 2, labels)
    scores = {m: judged.score(m) for m in ("accuracy", "f1_macro")}
    return Evaluation(len(right), scores, judged)


def errors(values: list[float]) -> Evaluation:
    outputs = np.array(values).reshape(-1, 1)
    judged = Regressed(outputs, np.zeros_like(outputs))
    return Evaluation(len(values), {"mse": judged.score("mse")}, judged)


def timed(samples: list[float]) -> Measurement:
    return Measurement(
        metric="latency_ms", value=1, unit="ms", batch_size=4, samples=tuple(samples)
    )


def test_accuracy_uses_the_examples_that_changed() -> None:
    before = np.array([1] * 90 + [0] * 10)
    after = before.copy()
    after[:6] = 0  # 6 lost
    after[90:92] = 1  # 2 gained
    found = compare_quality("accuracy", answers(before), answers(after), seed=0)
    assert found.change == pytest.approx(-0.04)
    # b* 6.5, c* 2.5, n* 102: -4 / 102 -+ 1.96 sqrt(9 - 16 / 102) / 102
    half = 1.959964 * math.sqrt(9 - 16 / 102) / 102
    assert found.interval is not None
    assert found.interval.low == pytest.approx(-4 / 102 - half, abs=1e-6)
    assert found.interval.high == pytest.approx(-4 / 102 + half, abs=1e-6)
    assert found.examples == 100
    assert found.method is not None
    assert "6 lost, 2 gained" in found.method


def test_no_changed_example_is_not_certainty() -> None:
    same = answers(np.array([1] * 40 + [0] * 10))
    found = compare_quality("accuracy", same, same, seed=0)
    assert found.change == 0
    assert found.interval is not None
    assert found.interval.low == pytest.approx(-1.959964 / 52, abs=1e-6)


def test_a_paired_bootstrap_sees_that_the_same_examples_are_hard() -> None:
    rng = np.random.default_rng(5)
    hard = rng.exponential(10, 400)
    before, after = errors(list(hard)), errors(list(np.sqrt(hard**2 + 1)))
    found = compare_quality("mse", before, after, seed=1)
    assert found.kind == "difference"
    assert found.change == pytest.approx(1)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((1, 1))


def test_the_bootstrap_covers_as_the_normal_theory_says() -> None:
    rng = np.random.default_rng(7)
    after = errors(list(np.sqrt(rng.uniform(0, 6, 900))))
    found = compare_quality("mse", errors([0.0] * 900), after, seed=2)
    assert found.interval is not None
    # a uniform on [0, 6] has deviation sqrt(3): half width 1.96 sqrt(3) / 30 = 0.113
    width = found.interval.high - found.interval.low
    assert width == pytest.approx(2 * 0.113, rel=0.12)
    assert found.interval.low < found.change < found.interval.high


def test_a_score_that_is_no_mean_is_resampled_whole() -> None:
    before = answers(np.array([1, 1, 1, 0] * 50))
    after = answers(np.array([1, 1, 0, 0] * 50))
    found = compare_quality("f1_macro", before, after, seed=3)
    assert found.interval is not None
    assert found.interval.low < found.change < found.interval.high < 0
    assert found == compare_quality("f1_macro", before, after, seed=3)


def test_different_examples_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different examples"):
        compare_quality("mse", errors([1.0]), errors([1.0, 2.0]), seed=0)


def test_one_slow_run_moves_no_ratio() -> None:
    base = [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 90.0, 2.0, 2.0, 2.0]
    found = compare_latency(timed(base), timed([0.5] * 11), seed=0)
    assert found.change == pytest.approx(0.25)
    assert found.interval is not None
    assert found.interval.high == pytest.approx(0.25)
    assert found.kind == "ratio"
    assert found.batch_size == 4


def test_the_ratio_follows_a_drift_that_both_files_share() -> None:
    drift = [1.0 + 0.1 * i for i in range(30)]
    found = compare_latency(timed(drift), timed([3 * d for d in drift]), seed=0)
    assert found.change == pytest.approx(3)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(3)


def test_a_cost_is_after_over_before() -> None:
    assert compare_cost("size_bytes", 800, 200).change == 0.25
