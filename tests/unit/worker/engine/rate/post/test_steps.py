"""Steps by hand."""

import numpy as np
import pytest

from worker.engine.rate.post.steps import SMALLEST_STEP, coarse, filled_step, step_from_weights

TWO = np.full((3, 4), -2.0, np.float32)


def test_a_step_is_a_bfloat16_number() -> None:
    assert coarse(1.0) == 1.0
    assert coarse(0.1) == 0.10009765625  # 205 / 2048
    assert coarse(1.005859375) == 1.0078125  # 1 + 1.5 / 256: above half way to the next
    assert coarse(1.00390625) == 1.0078125  # half way
    assert coarse(1.0039061) == 1.0  # below it
    assert coarse(0.0) == SMALLEST_STEP == float(np.finfo(np.float32).tiny)


def test_a_step_shrinks_with_the_root_of_what_the_outputs_feel() -> None:
    assert filled_step(0.5, 2.0, TWO) == 0.5
    assert filled_step(0.5, 8.0, TWO) == 0.25
    assert filled_step(0.5, 8.0, TWO, gain=4.0) == 0.5
    assert filled_step(0.125, 0.5, TWO) == 0.5


def test_what_the_outputs_do_not_feel_keeps_something() -> None:
    assert filled_step(0.5, 0.0, TWO) == 5.0
    assert filled_step(100.0, 1e-9, TWO) == 5.0
    assert filled_step(1.0, 1.0, np.zeros((2, 2), np.float32)) == 1.0


def test_without_examples_the_noise_is_a_share_of_the_weights_energy() -> None:
    step = step_from_weights(0.03, TWO)
    assert step**2 / 12 / 4 == pytest.approx(0.03, rel=0.01)
    assert step_from_weights(0.03, np.zeros((2, 2), np.float32)) == 1.0
