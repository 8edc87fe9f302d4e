"""The learning rate over a run."""

import pytest

from worker.engine.train.schedule import rate_factor


def test_cosine_starts_at_one_and_falls_by_half_a_cosine() -> None:
    # 6 steps: (1 + cos(k pi / 6)) / 2
    factors = [rate_factor("cosine", step, 6) for step in range(6)]
    root = 3**0.5
    by_hand = [1, (2 + root) / 4, 3 / 4, 1 / 2, 1 / 4, (2 - root) / 4]
    assert factors == pytest.approx(by_hand)


def test_constant_stays() -> None:
    assert [rate_factor("constant", step, 9) for step in (0, 4, 8)] == [1.0, 1.0, 1.0]
