"""Steps that two bytes hold, and multiples of them."""

import numpy as np
import torch

from worker.engine.rate.grid import coarse, codes, values


def test_a_step_becomes_the_next_number_with_eight_bits_of_mantissa() -> None:
    # 0.1 = 1.6 / 16; eighths of a 128th: 1.6 * 128 = 204.8 -> 205, so 205 / 2048
    assert coarse(0.1) == 205 / 2048
    assert coarse(0.25) == 0.25
    assert coarse(1e-60) == 2.0**-126  # the smallest normal number


def test_codes_round_to_even_and_stop_at_the_most() -> None:
    weight = torch.tensor([0.25, 0.75, -0.74, 9.0, -9.0, 0.0])
    assert codes(weight, 0.5, 3).tolist() == [0, 2, -1, 3, -3, 0]  # 0.5 -> 0, 1.5 -> 2


def test_there_is_one_zero() -> None:
    assert not torch.signbit(codes(torch.tensor([-0.1, -0.0, 0.1]), 1.0, 3)).any()


def test_values_are_the_products_that_numpy_makes() -> None:
    step = coarse(0.0731)
    code = torch.arange(-127, 128)
    wanted = np.arange(-127, 128).astype(np.float32) * np.float32(step)
    assert values(code, step).numpy().tobytes() == wanted.tobytes()
