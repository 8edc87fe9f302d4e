"""A unit's derivative, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from worker.engine.prune.along.mask_gradient import _Mask, _normalised
from worker.engine.prune.coupling import ELSEWHERE


def test_a_mask_s_slope_is_the_product_of_its_weights_and_their_gradients() -> None:
    weight = nn.Parameter(torch.tensor([[2.0, 3.0, 5.0], [-1.0, 4.0, 9.0]]))
    unit = torch.tensor([[1, 0, ELSEWHERE], [1, 2, ELSEWHERE]])
    slopes = torch.tensor([100.0, 0.0, 0.0, 0.0])
    _Mask(0, weight, unit).add(slopes, torch.tensor([[10.0, 2.0, 7.0], [3.0, 0.5, 7.0]]))
    assert slopes.tolist() == [106, 17, 2, 0]


def test_slopes_of_a_group_have_length_one_unless_all_are_zero() -> None:
    assert _normalised(np.array([0.3, 0.0, 0.4])) == pytest.approx([0.6, 0, 0.8])
    assert _normalised(np.zeros(2)).tolist() == [0, 0]
