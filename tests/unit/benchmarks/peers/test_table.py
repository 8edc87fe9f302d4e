"""Who is compared with whom at the end of a case."""

from pathlib import Path

import numpy as np

from benchmarks.peers.case import Case
from benchmarks.peers.result import Result
from benchmarks.peers.table import lines

CASE = Case(
    name="net",
    folder=Path("net"),
    task="classification",
    metric="accuracy",
    most_lost=0.005,
    transforms={},
    one={"x": np.zeros((1, 2))},
    runs=1,
    score=lambda _: 0.0,
)


def result(
    packed_bytes: int, score: float | None, latency_ms: float, *, ours: bool = False
) -> Result:
    return Result(
        "net", "n", packed_bytes=packed_bytes, score=score, latency_ms=latency_ms, ours=ours
    )


ORIGINAL = result(9000, 0.9, 4.0)


def test_the_best_of_each_side_are_compared_figure_by_figure() -> None:
    theirs = [result(600, 0.898, 3.0), result(800, 0.9, 2.0)]
    ours = [result(300, 0.896, 5.0, ours=True), result(700, 0.9, 1.0, ours=True)]
    smaller, slower, failed = lines(CASE, [ORIGINAL, *theirs, *ours])
    assert (smaller.value, slower.value, failed.value) == (2.0, 0.5, 0)  # 600 / 300, 1 / 2
    assert all(line.kept for line in (smaller, slower, failed))


def test_a_file_that_loses_too_much_or_could_not_be_judged_counts_for_nobody() -> None:
    theirs = [result(100, 0.894, 0.1), result(50, None, 0.1), result(600, 0.9, 2.0)]
    ours = [result(10, 0.5, 0.1, ours=True), result(1200, 0.9, 3.0, ours=True)]
    smaller, slower, _ = lines(CASE, [ORIGINAL, *theirs, *ours])
    assert (smaller.value, slower.value) == (0.5, 1.5)
    assert not smaller.kept
    assert not slower.kept


def test_a_failed_job_is_a_miss_and_a_failed_peer_is_not() -> None:
    failed_peer = Result("net", "p", error="no model")
    failed_job = Result("net", "j", error="out of memory", ours=True)
    good = result(300, 0.9, 1.0, ours=True)
    assert lines(CASE, [ORIGINAL, failed_peer, good])[2].kept
    assert not lines(CASE, [ORIGINAL, failed_job, good])[2].kept


def test_a_side_without_any_file_misses_both_figures() -> None:
    smaller, slower, _ = lines(CASE, [ORIGINAL, Result("net", "j", ours=True)])
    assert not smaller.kept
    assert not slower.kept
