"""The learning rate over a run."""

import pytest

from worker.engine.train.schedule import rate_factor


def test_cosine_starts_at_one_and_falls_by_half_a_cosine() -> None:
    # 6 steps: (1 + cos(k pi / 6)) / 2
    factors = [rate_factor("cosine", step, 6) for step in range(6)]
    root = 3**0.5
    by_hand = [1, (2 + root) / 4, 3 / 4, 1 / 2, 1 / 4, (2 - root) / 4]
    assert factors == pytest.approx(by_hand)


def test_linear_falls_by_equal_steps() -> None:
    factors = [rate_factor("linear", step, 5) for step in range(5)]
    assert factors == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])


def test_a_warmup_rises_first_and_the_rest_is_a_whole_schedule() -> None:
    # 10 steps, 0.4 of them rise by quarters; the other 6 fall from one
    factors = [rate_factor("linear", step, 10, 0.4) for step in range(10)]
    rising, falling = [0.25, 0.5, 0.75, 1], [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert factors == pytest.approx(rising + falling)


def test_constant_stays() -> None:
    assert [rate_factor("constant", step, 9) for step in (0, 4, 8)] == [1.0, 1.0, 1.0]
