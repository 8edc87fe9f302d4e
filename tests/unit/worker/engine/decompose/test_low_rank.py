"""decompose.* from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.techniques.decompose import (
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
)
from lathe.views import Progress
from tests.unit.worker.engine.decompose.images import close, given, net
from tests.unit.worker.engine.decompose.lone import some, weights
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.onnx_file.spill import Spill
from worker.engine.run.traits import check_kept

Build = Callable[..., onnx.ModelProto]


def test_every_kind_of_matrix_becomes_two_and_the_last_keeps_its_name(
    every_layer: Build, learning: Context
) -> None:
    low = {
        "m": np.outer(some(6), some(5)),
        "g": np.outer(some(5), some(3, seed=2)),
        "t": np.outer(some(3), some(5, seed=3)),
    }
    before = Checkpoint(every_layer(**low), {"t": Trait(channels=3)})
    outcome = apply(before, given(1), learning)
    after = outcome.checkpoint
    check_kept(before, after)
    there = weights(after.model)
    names = ("m.factor1", "m", "g.factor1", "g", "t.factor1", "t")
    assert {name: there[name].shape for name in names} == {
        "m.factor1": (6, 1), "m": (1, 5), "g.factor1": (5, 1), "g": (1, 3),
        "t.factor1": (1, 5), "t": (3, 1),
    }  # fmt: skip
    assert close(before.model, after.model, {"x": some(9, 2)})
    facts = outcome.facts
    assert (facts["layers_decomposed"], facts["layers_left"]) == (3, 3)
    # m 30 to 11, g and t 15 to 8
    assert facts["parameters_before"] - facts["parameters_after"] == 19 + 7 + 7
    assert "m rank 1 in 2 layers, energy 1.0000, error" in str(facts["by_layer"])
    assert "parameters 30 to 11, MACs 30 to 11" in str(facts["by_layer"])
    # conv (4, 1, 1) with rank 1: 4 to 5
    assert "conv (no rank saves parameters)" in str(facts["left"])
    assert before.model == Checkpoint(every_layer(**low)).model


def test_tucker_puts_a_core_between_two_changes_of_channels(seeing: Context) -> None:
    before = Checkpoint(net())
    outcome = apply(before, given([4, 3], DecomposeTucker, iterations=0), seeing)
    there = weights(outcome.checkpoint.model)
    assert [there[n].shape for n in ("c2.factor1", "c2.factor2", "c2")] == [
        (3, 6, 1, 1), (4, 3, 3, 3), (8, 4, 1, 1)
    ]  # fmt: skip
    nodes = {node.name: node for node in outcome.checkpoint.model.graph.node}
    assert list(nodes["conv2"].input)[1:] == ["c2", "b2"]
    assert len(nodes["conv2.factor1"].input) == len(nodes["conv2.factor2"].input) == 2
    assert nodes["conv2"].output == ["b"]
    line = str(outcome.facts["by_layer"])
    # core 108, factors 18 and 32; 18 at 8 x 6, the others at 3 x 4
    assert "c2 rank 4 x 3 in 3 layers" in line
    assert "parameters 432 to 158, MACs 5184 to 2544" in line
    assert "g (it is no convolution; decompose.svd takes it)" in str(outcome.facts["left"])
    # c1 has two inputs, so that a rank of three of them cannot be
    assert "c1 (its rank is at most 6 x 2)" in str(outcome.facts["left"])


def test_cp_goes_through_one_axis_at_a_time_and_stays_away_where_it_fits_badly(
    seeing: Context,
) -> None:
    outcome = apply(Checkpoint(net()), given(4, DecomposeCp, min_energy=0.0), seeing)
    there = weights(outcome.checkpoint.model)
    assert [there[n].shape for n in ("c2.factor1", "c2.factor2", "c2.factor3", "c2")] == [
        (4, 6, 1, 1), (4, 1, 3, 1), (4, 1, 1, 3), (8, 4, 1, 1)
    ]  # fmt: skip
    with pytest.raises(StepImpossible, match=r"c2 \(rank 1 keeps 0\.\d+ of its energy only\)"):
        apply(Checkpoint(net()), given(1, DecomposeCp, min_energy=0.9), seeing)


def test_large_weights_stay_in_files(seeing: Context) -> None:
    wide = made(
        [
            helper.make_node("Gemm", ["x", "w1"], ["h"]),
            helper.make_node("Gemm", ["h", "w2"], ["y"]),
        ],
        {"w1": np.outer(some(90), some(400)), "w2": np.outer(some(400), some(90))},
        {"x": (TensorProto.FLOAT, ["n", 90])},
        {"y": (TensorProto.FLOAT, ["n", 90])},
    )
    with Spill(seeing.folder / "large") as spill:
        for tensor in wide.graph.initializer:
            spill.take(tensor)
    before = Checkpoint(wide)
    assert len(before.model.graph.initializer[0].raw_data) == 0
    done = apply(before, given(60), seeing).checkpoint.model
    large = [t for t in done.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    # (60, 400) and (400, 60) are above 64 KiB, (90, 60) and (60, 90) are not
    assert [t.name for t in large] == ["w1", "w2.factor1"]
    assert close(wide, done, {"x": some(4, 90, seed=3) / 100})


def test_what_cannot_be_done_is_refused_before_any_work(
    every_layer: Build, seeing: Context
) -> None:
    before = Checkpoint(net())

    def refused(error: type[Exception], spec: Any, said: str, param: str | None = None) -> None:
        with pytest.raises(error, match=said) as caught:
            apply(before, spec, seeing)
        assert getattr(caught.value, "param", None) == param

    refused(UnknownLayer, given(1, protect=["nowhere"]), "no layer 'nowhere'", "protect")
    every = ["c1", "c2", "g", "m"]
    refused(StepImpossible, given(1, protect=every), r"m \(it is protected\)")
    refused(StepImpossible, given(500), r"g \(its rank is at most 8\)")
    for layers, error, said in (
        ({"b1": 1}, UnknownLayer, "no layer 'b1' that could be decomposed"),
        ({"g": 9}, StepImpossible, "rank of 'g' is at most 8, not 9"),
    ):
        spec = DecomposeSvd.model_validate({"rank": {"by": "given", "layers": layers}})
        refused(error, spec, said, "rank.layers")
    tucker = DecomposeTucker.model_validate({"rank": {"by": "given", "layers": {"c2": [4, 7]}}})
    refused(StepImpossible, tucker, r"rank of 'c2' is at most 8 x 6", "rank.layers")
    low = DecomposeSvd.model_validate({"rank": {"by": "budget", "keep_macs": 0.01}})
    # rank 1: c1 6 to 48 * (2 * 3 + 6 * 3), c2 8 x 3 and on; what is left of 10,462
    refused(
        BudgetUnreachable,
        low,
        r"keep_macs 0.01 cannot be reached.* 0\.\d{4} is",
        "rank.keep_macs",
    )
    matrices = Checkpoint(every_layer())
    with pytest.raises(StepImpossible, match=r"conv \(its kernel is one point"):
        apply(matrices, given(1, DecomposeTucker), seeing)


def test_progress_rises_to_one(seeing: Context) -> None:
    said: list[float] = []

    def hear(progress: Progress) -> None:
        said.append(progress.fraction)

    apply(Checkpoint(net()), given(2, whiten=True), replace(seeing, progress=hear))
    assert said == sorted(said)
    assert said[-1] == 1
