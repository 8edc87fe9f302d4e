"""Which ranks are chosen, by each way of choosing them."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.techniques.decompose import (
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
    RankByEnergy,
)
from tests.unit.worker.engine.decompose.images import net, put
from tests.unit.worker.engine.decompose.lone import some, weights
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.session import open_session, run


def test_energy_takes_the_cheapest_rank_that_keeps_enough(seeing: Context) -> None:
    model = net()
    u, _, v = np.linalg.svd(some(10, 8), full_matrices=False)
    kept = np.float32((u * [6, 3, 2, 1, 0, 0, 0, 0]) @ v)  # energies 36, 9, 4, 1 of 50
    put(model, "g", kept)
    for energy, rank in ((0.71, 1), (0.73, 2), (0.89, 2), (0.91, 3), (0.99, 4)):
        spec = DecomposeSvd.model_validate(
            {"rank": {"by": "energy", "energy": energy}, "protect": ["c1", "c2", "m"]}
        )
        outcome = apply(Checkpoint(model), spec, seeing)
        there = weights(outcome.checkpoint.model)
        assert (there["g.factor1"].shape, there["g"].shape) == ((rank, 8), (10, rank))
        least = [36, 45, 49, 50][rank - 1] / 50
        assert outcome.facts["least_energy_kept"] == pytest.approx(least)
    strict = spec.model_copy(update={"rank": RankByEnergy(energy=0.999)})
    with pytest.raises(StepImpossible, match=r"g \(no rank that saves parameters keeps 0\.999"):
        apply(Checkpoint(net()), strict, seeing)


@pytest.mark.parametrize("technique", [DecomposeSvd, DecomposeTucker, DecomposeCp])
@pytest.mark.parametrize(
    ("budget", "count"), [("keep_macs", macs), ("keep_parameters", parameters)]
)
def test_a_budget_holds_and_is_not_undercut_by_much(
    technique: type, budget: str, count: Callable[[onnx.ModelProto], int], seeing: Context
) -> None:
    model = net()
    more = {"min_energy": 0.0, "iterations": 9} if technique is DecomposeCp else {}
    more |= {"round_to": 1}
    spec = technique.model_validate({"rank": {"by": "budget", budget: 0.7}, **more})
    outcome = apply(Checkpoint(model), spec, seeing)
    left = count(outcome.checkpoint.model) / count(model)
    assert 0.5 < left <= 0.7
    assert outcome.facts[f"{budget.removeprefix('keep_')}_left"] == left
    assert run(open_session(outcome.checkpoint.model), {"x": some(3, 2, 8, 6)})["y"].shape == (
        3,
        2,
    )


def test_a_cp_that_fits_badly_does_not_reach_a_budget(seeing: Context) -> None:
    spec = DecomposeCp.model_validate(
        {"rank": {"by": "budget", "keep_parameters": 0.6}, "min_energy": 0.97, "iterations": 9}
    )
    with pytest.raises(BudgetUnreachable, match=r"keep_parameters 0\.6"):
        apply(Checkpoint(net()), spec, seeing)


def test_unknown_macs_are_no_budget(seeing: Context) -> None:
    model = made(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": some(8, 8)},
        {"x": (TensorProto.FLOAT, ["n", "tokens", 8])},
        {"y": (TensorProto.FLOAT, ["n", "tokens", 8])},
    )
    spec = DecomposeSvd.model_validate({"rank": {"by": "budget", "keep_macs": 0.5}})
    with pytest.raises(StepImpossible, match="give keep_parameters") as caught:
        apply(Checkpoint(model), spec, seeing)
    assert caught.value.param == "rank.keep_macs"
    by_macs = DecomposeSvd.model_validate({"rank": {"by": "energy", "saves": "macs"}})
    with pytest.raises(StepImpossible, match=r"w \(its multiply-accumulates are unknown\)"):
        apply(Checkpoint(model), by_macs, seeing)
    by_size = DecomposeSvd.model_validate({"rank": {"by": "budget", "keep_parameters": 0.5}})
    assert apply(Checkpoint(model), by_size, seeing).facts["parameters_after"] == 32


@pytest.mark.parametrize("technique", [DecomposeSvd, DecomposeTucker, DecomposeCp])
def test_ranks_become_multiples_or_all_there_is(technique: type, seeing: Context) -> None:
    body = {"rank": {"by": "energy", "energy": 0.5}, "round_to": 4, "protect": ["c1", "g", "m"]}
    outcome = apply(Checkpoint(net()), technique.model_validate(body), seeing)
    there = weights(outcome.checkpoint.model)
    ranks = {there[name].shape[0] for name in there if name.startswith("c2.factor")}
    assert ranks <= {4, 6, 8, 12, 16}
    assert ranks


def test_vbmf_finds_the_rank_under_the_noise(seeing: Context) -> None:
    model = net()
    signal = np.einsum("oa,abp,ib->oip", some(8, 2), some(2, 2, 9, seed=5), some(6, 2, seed=6))
    put(model, "c2", signal.reshape(8, 6, 3, 3) + 0.02 * some(8, 6, 3, 3, seed=7))
    spec = {"rank": {"by": "vbmf"}, "protect": ["c1", "g", "m"]}
    tucker = apply(Checkpoint(model), DecomposeTucker.model_validate(spec), seeing)
    assert "c2 rank 2 x 2 in 3 layers" in str(tucker.facts["by_layer"])
    even = DecomposeTucker.model_validate({**spec, "round_to": 4})
    assert "c2 rank 4 x 4 in" in str(apply(Checkpoint(model), even, seeing).facts["by_layer"])
    cp = DecomposeCp.model_validate({**spec, "min_energy": 0, "round_to": 1})
    assert "c2 rank 2 in 4 layers" in str(
        apply(Checkpoint(model), cp, seeing).facts["by_layer"]
    )
    put(model, "g", np.outer(some(10), some(8, seed=8)) + 0.02 * some(10, 8, seed=9))
    svd = DecomposeSvd.model_validate({**spec, "protect": ["c1", "c2", "m"]})
    assert "g rank 1 in" in str(apply(Checkpoint(model), svd, seeing).facts["by_layer"])
    with pytest.raises(StepImpossible, match=r"g \(nothing in it stands out from noise\)"):
        apply(Checkpoint(net()), svd, seeing)


def test_layers_have_the_ranks_that_are_given_by_name(seeing: Context) -> None:
    layers = {"c2": 5, "g": 3}
    spec = DecomposeSvd.model_validate({"rank": {"by": "given", "layers": layers}})
    outcome = apply(Checkpoint(net()), spec, seeing)
    there = weights(outcome.checkpoint.model)
    assert (there["c2.factor1"].shape, there["c2"].shape) == ((5, 6, 3, 1), (8, 5, 1, 3))
    assert (there["g.factor1"].shape, there["g"].shape) == ((3, 8), (10, 3))
    assert outcome.facts["left"] == (
        "c1 (no rank is given for it), m (no rank is given for it)"
    )
