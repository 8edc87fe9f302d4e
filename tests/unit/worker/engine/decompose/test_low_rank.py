"""decompose.* from checkpoint to checkpoint, and what later steps make of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.techniques import AnyStep
from lathe.techniques.decompose import (
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
    RankByEnergy,
)
from lathe.techniques.prune import PruneChannels
from lathe.techniques.quantize import QuantizeStatic
from lathe.techniques.share import ShareWeights
from lathe.techniques.train import Adam, Distill, Recover
from lathe.views import Progress
from tests.unit.worker.engine.decompose.lone import Floats, some, weights
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.onnx_file.spill import Spill
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

Build = Callable[..., onnx.ModelProto]


class Images:
    """40 images (2, 8, 6), the labels whether their first channel is the brighter one."""

    count = 40
    has_labels = True

    def __init__(self) -> None:
        self.images = some(40, 2, 8, 6, seed=11)

    def inputs(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Arrays:
        return {"x": self.images[rows]}

    def labels(
        self, rows: np.ndarray[Any, np.dtype[np.int64]]
    ) -> np.ndarray[Any, np.dtype[np.generic]]:
        bright = self.images[rows].mean(axis=(2, 3))
        return np.asarray(bright[:, 0] > bright[:, 1], np.int64)


def net() -> onnx.ModelProto:
    """Conv (6, 2, 3, 3), Relu, Conv (8, 6, 3, 3), Relu, mean, Gemm (10, 8), Relu, MatMul."""
    nodes = [
        helper.make_node("Conv", ["x", "c1", "b1"], ["a"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["ar"]),
        helper.make_node("Conv", ["ar", "c2", "b2"], ["b"], "conv2", strides=[2, 1]),
        helper.make_node("Relu", ["b"], ["br"]),
        helper.make_node("GlobalAveragePool", ["br"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g", "gb"], ["d"], "fc", transB=1),
        helper.make_node("Relu", ["d"], ["dr"]),
        helper.make_node("MatMul", ["dr", "m"], ["e"], "out"),
        helper.make_node("Add", ["e", "mb"], ["y"], "add"),
    ]
    tensors = {
        "c1": some(6, 2, 3, 3), "b1": some(6), "c2": some(8, 6, 3, 3, seed=2) / 5,
        "b2": some(8), "g": some(10, 8, seed=3) / 3, "gb": some(10), "m": some(10, 2, seed=4),
        "mb": some(2),
    }  # fmt: skip
    return made(
        nodes, tensors, {"x": (TensorProto.FLOAT, ["n", 2, 8, 6])},
        {"y": (TensorProto.FLOAT, ["n", 2])},
    )  # fmt: skip


@pytest.fixture
def seeing(learning: Context) -> Context:
    """`learning` for the images."""
    images = Images()
    return replace(
        learning,
        io=io_spec(net()),
        train=images,
        calibration=images,
        teachers={"baseline": net()},
    )


def given(rank: Any, technique: type = DecomposeSvd, **more: Any) -> Any:
    return technique.model_validate({"rank": {"by": "given", "rank": rank}, **more})


def put(model: onnx.ModelProto, name: str, values: Floats) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.raw_data = values.astype(np.float32).tobytes()


def close(one: onnx.ModelProto, other: onnx.ModelProto, inputs: Arrays) -> bool:
    a, b = (run(open_session(model), inputs) for model in (one, other))
    return all(np.allclose(a[name], b[name], atol=1e-4) for name in a)


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


@pytest.mark.parametrize("technique", [DecomposeSvd, DecomposeTucker, DecomposeCp])
def test_ranks_become_multiples_or_all_there_is(technique: type, seeing: Context) -> None:
    body = {"rank": {"by": "energy", "energy": 0.5}, "round_to": 4, "protect": ["c1", "g", "m"]}
    outcome = apply(Checkpoint(net()), technique.model_validate(body), seeing)
    there = weights(outcome.checkpoint.model)
    ranks = {there[name].shape[0] for name in there if name.startswith("c2.factor")}
    assert ranks <= {4, 6, 8, 12, 16}
    assert ranks


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


def test_outputs_are_lost_least_where_they_are_looked_at(seeing: Context) -> None:
    before = Checkpoint(net())
    spec = given(3, protect=["c1", "m"], kernels="channels")
    plain = apply(before, spec, seeing)
    whitened = apply(before, spec.model_copy(update={"whiten": True}), seeing)
    assert (plain.facts["inputs_looked_at"], whitened.facts["inputs_looked_at"]) == (
        False,
        True,
    )
    images = {"x": Images().images}
    wanted, blind, seen = (
        run(open_session(one), images)["y"]
        for one in (before.model, plain.checkpoint.model, whitened.checkpoint.model)
    )
    assert np.square(seen - wanted).sum() < 0.6 * np.square(blind - wanted).sum()
    unseen = replace(seeing, train=None, calibration=None)
    with pytest.raises(StepImpossible, match=r"give data\.calibration"):
        apply(before, given(3, whiten=True), unseen)


def test_every_kind_of_layer_is_looked_at(mixed: onnx.ModelProto, learning: Context) -> None:
    class Both:
        count, has_labels = 40, False

        def inputs(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Arrays:
            draw = np.random.default_rng(0)
            words = draw.integers(0, 11, (len(rows), 4))
            return {"image": some(len(rows), 2, 6, 5), "words": words}

        def labels(
            self, rows: np.ndarray[Any, np.dtype[np.int64]]
        ) -> np.ndarray[Any, np.dtype[np.generic]]:
            raise AssertionError

    context = replace(learning, calibration=Both())
    spec = given(2, whiten=True)
    outcome = apply(Checkpoint(mixed), spec, context)
    assert outcome.facts["layers_decomposed"] == 2
    there = weights(outcome.checkpoint.model)
    assert (there["gemm.factor1"].shape, there["matmul.factor1"].shape) == ((2, 64), (48, 2))
    again = apply(Checkpoint(mixed), spec, context).checkpoint
    assert again.model == outcome.checkpoint.model


@pytest.mark.parametrize("technique", [DecomposeSvd, DecomposeTucker, DecomposeCp])
def test_what_was_decomposed_is_trained_pruned_shared_and_quantized(
    technique: type, seeing: Context
) -> None:
    rank = {DecomposeSvd: 3, DecomposeTucker: [4, 2], DecomposeCp: 6}[technique]
    more = {"min_energy": 0.0} if technique is DecomposeCp else {}
    start = apply(Checkpoint(net()), given(rank, technique, **more), seeing).checkpoint
    lessons = {"epochs": 1, "batch_size": 20, "optimizer": Adam(lr=0.01)}
    steps: list[AnyStep] = [QuantizeStatic()]
    if technique is DecomposeSvd:
        steps += [Distill(**lessons), PruneChannels(keep_macs=0.8)]
        steps += [ShareWeights(bits=2, epochs=0)]
    trained = apply(start, Recover(**lessons), seeing).checkpoint
    old, new = weights(start.model), weights(trained.model)
    assert old.keys() == new.keys()
    assert not np.array_equal(old["c2.factor1"], new["c2.factor1"])
    for step in steps:
        done = apply(trained, step, seeing).checkpoint
        check_kept(trained, done)
        assert run(open_session(done.model), {"x": some(3, 2, 8, 6)})["y"].shape == (3, 2)


def test_a_narrowed_layer_can_be_decomposed_and_decomposed_again(seeing: Context) -> None:
    narrow = apply(Checkpoint(net()), PruneChannels(keep_macs=0.7), seeing).checkpoint
    once = apply(narrow, given(3), seeing).checkpoint
    check_kept(narrow, once)
    assert once.traits == narrow.traits
    spec = DecomposeSvd.model_validate({"rank": {"by": "given", "layers": {"c2": 1}}})
    twice = apply(once, spec, seeing).checkpoint
    check_kept(once, twice)
    assert {"c2.factor1", "c2.factor1_1", "c2"} <= weights(twice.model).keys()


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


def test_progress_rises_to_one(seeing: Context) -> None:
    said: list[float] = []

    def hear(progress: Progress) -> None:
        said.append(progress.fraction)

    apply(Checkpoint(net()), given(2, whiten=True), replace(seeing, progress=hear))
    assert said == sorted(said)
    assert said[-1] == 1
