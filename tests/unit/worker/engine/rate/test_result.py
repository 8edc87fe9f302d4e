"""What is said of weights on their grids."""

import onnx
import torch
from torch import nn

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.rate.result import Coded, coded_facts, with_multiples
from worker.engine.rate.tensors import Tensor


def coded(name: str, *values: float, step: float = 0.5) -> Coded:
    return Coded(Tensor(name, (nn.Parameter(torch.tensor([values])),)), step, 7)


def test_traits_join_what_earlier_steps_said() -> None:
    before = Checkpoint(
        onnx.ModelProto(), {"w": Trait(channels=3), "other": Trait(sparse=True)}
    )
    after = with_multiples(before, [coded("w", 0.5, 0.0)])
    assert after.traits["w"] == Trait(
        channels=3, sparse=True, multiples=Multiples((0.5,), None, 7)
    )
    assert after.traits["other"] == Trait(sparse=True)
    assert before.traits["w"] == Trait(channels=3)


def test_facts_count_all_tensors() -> None:
    facts = coded_facts([coded("w", 0.5, 0.0, -1.5, 0.0), coded("v", 0.25, step=0.25)])
    assert facts["tensors_on_a_grid"] == 2
    assert facts["weights_on_a_grid"] == 5
    assert facts["nonzero_weights"] == 3
    assert facts["float_bytes"] == 20
    assert facts["nonzero_by_tensor"] == "w 2 of 4, step 0.5; v 1 of 1, step 0.25"
    assert isinstance(facts["estimated_coded_bytes"], int)
    assert facts["estimated_coded_bytes"] >= 4  # two steps of two bytes


def test_nothing_but_zeros_costs_its_step() -> None:
    assert coded("w", 0.0, 0.0).size_bytes == 2
