"""train.regularize: what a penalty leaves, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.train import Regularize, Sgd
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.run.traits import check_kept
from worker.engine.train.regularize import rank, regularize
from worker.engine.train.shrinking import EVERY, Shrinking

Build = Callable[..., onnx.ModelProto]
SGD = Sgd(lr=0.5, momentum=0, weight_decay=0)


def spec(**changes: object) -> Regularize:
    usual = {"epochs": 3, "batch_size": 16, "optimizer": {"kind": "adam", "lr": 0.02}}
    return Regularize.model_validate(usual | changes)


def weight(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    return np.asarray(array(initializers(model)[name]), np.float32)


def test_a_step_draws_by_its_learning_rate_times_the_strength() -> None:
    parameter = nn.Parameter(torch.tensor([[5.0, -0.5], [-3.0, 1.0]]))
    held = Shrinking(
        [parameter], spec(optimizer=SGD, schedule="cosine", strength=2.0, epochs=2)
    )
    held.hear(0, 8)  # lr 0.5: by 1
    held.settle()
    assert parameter.tolist() == [[4.0, 0.0], [-2.0, 0.0]]
    held.hear(4, 8)  # the cosine is half: by 0.5
    held.settle()
    torch.testing.assert_close(parameter.detach(), torch.tensor([[3.5, 0.0], [-1.5, 0.0]]))


def test_the_nuclear_norm_draws_seldom_and_as_much_in_all() -> None:
    parameter = nn.Parameter(torch.diag(torch.tensor([50.0, 20.0])))
    how = spec(optimizer=SGD, schedule="constant", strength=2.0, penalty="nuclear_norm")
    held = Shrinking([parameter], how)
    for step in range(EVERY):
        held.hear(step, 100)
        held.settle()
        if step < EVERY - 1:
            assert parameter.diagonal().tolist() == [50.0, 20.0]
    torch.testing.assert_close(parameter.detach(), torch.diag(torch.tensor([40.0, 10.0])))


def test_only_a_model_of_the_last_epoch_is_kept() -> None:
    held = Shrinking([], spec(epochs=3))
    ready = []
    for step in range(12):
        held.hear(step, 12)
        ready.append(held.ready)
    assert ready.index(True) in range(8, 12)
    assert ready[-1]


def test_l1_leaves_zeros_that_stay(every_layer: Build, learning: Context) -> None:
    before = Checkpoint(every_layer())
    outcome = regularize(before, spec(strength=5.0, protect=("t",)), learning)
    after = outcome.checkpoint
    check_kept(before, after)
    penalized = {name for name, trait in after.traits.items() if trait.sparse}
    assert penalized == {"conv", "m", "g"}
    zeros = {name: int((weight(after.model, name) == 0).sum()) for name in (*penalized, "t")}
    assert zeros["m"] > 10
    assert zeros["g"] > 5
    assert zeros["t"] == 0
    assert outcome.facts["zeros_before"] == 0
    assert outcome.facts["zeros"] == sum(zeros.values())
    assert outcome.facts["zeros_of"] == 4 + 30 + 15


def test_group_lasso_empties_whole_outputs(every_layer: Build, learning: Context) -> None:
    how = spec(strength=4.0, penalty="group_lasso")
    after = regularize(Checkpoint(every_layer()), how, learning)
    columns = weight(after.checkpoint.model, "m")  # (in, out): an output is a column
    empty = int((~columns.any(axis=0)).sum())
    assert empty > 0
    assert int((columns == 0).sum()) == 6 * empty  # no zero but in an empty output
    assert f"m {empty} of 5" in str(after.facts["empty_rows_by_layer"])


def test_the_nuclear_norm_lowers_ranks_and_holds_no_zeros(
    every_layer: Build, learning: Context
) -> None:
    how = spec(strength=8.0, penalty="nuclear_norm")
    after = regularize(Checkpoint(every_layer()), how, learning)
    assert after.facts["rank"] < after.facts["rank_before"]  # type: ignore[operator] # numbers
    assert not any(trait.sparse for trait in after.checkpoint.traits.values())


def test_the_rank_counts_what_holds_nearly_all_the_energy() -> None:
    matrix = np.diag(np.float32([10, 5, 1, 0.1]))  # squares 100, 25, 1, 0.01: 2 hold 99.2 %
    assert rank(matrix) == 2
    assert rank(np.diag(np.float32([10, 5, 4, 0.1]))) == 3
    assert rank(np.zeros((2, 3), np.float32)) == 0


def test_a_stronger_penalty_leaves_more_zeros(every_layer: Build, learning: Context) -> None:
    mild, hard = (
        regularize(Checkpoint(every_layer()), spec(strength=strength), learning).facts["zeros"]
        for strength in (0.5, 2.0)
    )
    assert mild < hard  # type: ignore[operator] # counts


@pytest.mark.parametrize(
    "trait", [Trait(codebook=4), Trait(multiples=Multiples(steps=(0.5,), axis=None, most=7))]
)
def test_values_that_must_not_move_are_refused_unless_protected(
    trait: Trait, every_layer: Build, learning: Context
) -> None:
    before = Checkpoint(every_layer(), traits={"m": trait})
    with pytest.raises(StepImpossible, match="'m'") as caught:
        regularize(before, spec(), learning)
    assert caught.value.param == "protect"


def test_an_unknown_layer_and_a_model_without_one_are_refused(
    every_layer: Build, learning: Context
) -> None:
    before = Checkpoint(every_layer())
    with pytest.raises(UnknownLayer, match="nope"):
        regularize(before, spec(protect=("nope",)), learning)
    everything = ("conv", "m", "g", "t", "w", "table")
    with pytest.raises(StepImpossible, match="left to penalize"):
        regularize(before, spec(protect=everything), learning)


def test_without_data_nothing_is_trained(every_layer: Build, learning: Context) -> None:
    with pytest.raises(StepImpossible) as caught:
        regularize(Checkpoint(every_layer()), spec(), replace(learning, train=None))
    assert caught.value.param == "data.train"
