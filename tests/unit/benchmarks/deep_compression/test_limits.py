"""What rows have to keep."""

from typing import Any

import pytest

from benchmarks.deep_compression.limits import Limit, error, points_lost, smaller
from benchmarks.deep_compression.rows import Row, kept


def row(**changes: Any) -> Row:
    usual: dict[str, Any] = {
        "subject": "net", "case": "c", "seed": 0, "size_bytes": 100, "huffman_bytes": 150,
        "dense_bytes": 4000, "score": 0.98, "examples": 200, "right": 196,
        "dense_score": 0.99, "held_out_score": 0.97, "exact": True, "wall_s": 60.0,
        "encode_s": 1.0, "decode_s": 1.0, "parts": {}, "pipeline": [], "at": "now",
        "environment": {},
    }  # fmt: skip
    return Row(**usual | changes)


def test_a_limit_is_judged_by_the_mean_of_its_own_rows() -> None:
    limit = Limit("net", "c", "times", smaller, target=35, at_least=True, seeds=2)
    rows = [row(), row(seed=1, size_bytes=125), row(case="other", size_bytes=1)]
    line = limit.line(rows)
    assert line is not None
    assert line.value == (40 + 32) / 2
    assert line.kept


def test_a_limit_waits_for_all_its_seeds() -> None:
    limit = Limit("net", "c", "error", error, target=5, at_least=False, seeds=3)
    assert limit.line([row(), row(seed=1)]) is None


def test_errors_and_losses_are_in_points() -> None:
    assert error(row()) == pytest.approx(2)
    assert points_lost(row()) == pytest.approx(1)


def test_a_row_comes_back_as_it_was_kept(tmp_path: Any) -> None:
    for made in (row(seed=1), row()):
        made.save(tmp_path)
    row(score=0.5).save(tmp_path)  # seed 0 again
    assert kept(tmp_path) == [row(score=0.5), row(seed=1)]
