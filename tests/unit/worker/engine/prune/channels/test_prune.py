"""prune.channels from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import make_node

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.prune import PruneChannels
from lathe.views import Progress
from tests.unit.worker.engine.prune.perceptron import MLP
from tests.unit.worker.engine.prune.reading import arrays
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait
from worker.engine.context import Arrays, Context
from worker.engine.prune.channels import prune
from worker.engine.prune.channels.prune import prune_channels
from worker.engine.prune.coupling import Group
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

Build = Callable[..., onnx.ModelProto]
Around = Callable[[onnx.ModelProto], Context]


def test_the_least_important_units_go_until_the_budget_is_met(
    mlp: onnx.ModelProto, context: Around
) -> None:
    # a unit is 5 of 25 MACs: 0.5 allows 12.5, so 2 units stay
    outcome = prune_channels(Checkpoint(mlp), PruneChannels(keep_macs=0.5), context(mlp))
    left = arrays(outcome.checkpoint.model)
    assert left["a"].tolist() == [[9, 9], [8, 8]]
    assert left["a_bias"].tolist() == arrays(mlp)["a_bias"][[1, 3]].tolist()
    assert left["b"].shape == (3, 2)
    assert outcome.checkpoint.traits == {"a": Trait(channels=2)}
    assert {k: outcome.facts[k] for k in ("macs_before", "macs_after", "macs_left")} == {
        "macs_before": 25, "macs_after": 10, "macs_left": 0.4,
    }  # fmt: skip
    assert outcome.facts["parameters_after"] == 4 + 2 + 6 + 3
    assert (outcome.facts["channels_before"], outcome.facts["channels_after"]) == (5, 2)


def test_a_parameter_budget_is_met_to_within_one_unit(
    mlp: onnx.ModelProto, context: Around
) -> None:
    # a unit is 2 + 1 + 3 = 6 of 33 parameters: 21 / 33 = 0.636 is the first at most 0.7
    outcome = prune_channels(Checkpoint(mlp), PruneChannels(keep_parameters=0.7), context(mlp))
    assert outcome.facts["parameters_after"] == 21


def test_the_model_it_got_stays_as_it_was(mlp: onnx.ModelProto, context: Around) -> None:
    before = mlp.SerializeToString(deterministic=True)
    prune_channels(Checkpoint(mlp), PruneChannels(keep_macs=0.5), context(mlp))
    assert mlp.SerializeToString(deterministic=True) == before


def test_a_budget_out_of_reach_is_refused_with_the_least_that_can_be_left(
    mlp: onnx.ModelProto, context: Around
) -> None:
    around = replace(context(mlp), task=Task(kind="classification"), train=_Untouchable())
    spec = PruneChannels(keep_macs=0.19, criterion="taylor")
    with pytest.raises(
        BudgetUnreachable, match=r"0\.2000 is left.*b \(it makes a model output"
    ):
        prune_channels(Checkpoint(mlp), spec, around)


def test_channels_become_multiples_of_round_to(net: Build, context: Around) -> None:
    model = net(MLP, [2], [3], a=(30, 2), a_bias=(30,), b=(3, 30), b_bias=(3,))
    spec = PruneChannels(keep_macs=0.6, round_to=8)
    outcome = prune_channels(Checkpoint(model), spec, context(model))
    assert arrays(outcome.checkpoint.model)["a"].shape == (16, 2)  # 18 would do without
    with pytest.raises(BudgetUnreachable, match=r"0\.2667"):  # 8 of 30
        prune_channels(
            Checkpoint(model), PruneChannels(keep_macs=0.2, round_to=8), context(model)
        )


def test_unknown_and_protected_layers_are_named(mlp: onnx.ModelProto, context: Around) -> None:
    with pytest.raises(UnknownLayer, match="'nowhere'; it has a, b"):
        prune_channels(
            Checkpoint(mlp), PruneChannels(keep_macs=0.5, protect=("nowhere",)), context(mlp)
        )
    with pytest.raises(BudgetUnreachable, match=r"a \(it is protected\)"):
        prune_channels(
            Checkpoint(mlp), PruneChannels(keep_macs=0.5, protect=("a",)), context(mlp)
        )


def test_several_rounds_end_at_the_same_budget_and_say_how_far_they_are(
    mlp: onnx.ModelProto, context: Around
) -> None:
    said: list[Progress] = []
    around = replace(context(mlp), progress=said.append)
    spec = PruneChannels(keep_macs=0.5, rounds=3, criterion="l1")
    outcome = prune_channels(Checkpoint(mlp), spec, around)
    assert arrays(outcome.checkpoint.model)["a"].tolist() == [[9, 9], [8, 8]]
    assert [report.unit for report in said] == ["groups", "rounds", "rounds", None]
    assert [report.fraction for report in said] == pytest.approx([0.3, 0.5, 0.9, 1.0])


def test_each_round_scores_what_the_rounds_before_have_left(
    mlp: onnx.ModelProto, context: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 0.2 in two rounds: 0.6 first, so 3 of 5 units are left to be scored again
    seen: list[list[int]] = []
    real = prune.scores

    def recording(view: object, groups: list[Group], *rest: object) -> object:
        seen.append([group.units for group in groups])
        return real(view, groups, *rest)

    monkeypatch.setattr(prune, "scores", recording)
    spec = PruneChannels(keep_macs=0.2, rounds=2)
    outcome = prune_channels(Checkpoint(mlp), spec, context(mlp))
    assert seen == [[5], [3]]
    assert arrays(outcome.checkpoint.model)["a"].tolist() == [[9, 9]]


def test_traits_of_other_layers_and_of_the_same_layer_stay(
    mlp: onnx.ModelProto, context: Around
) -> None:
    grid = QuantizedWeights(bits=8, symmetric=True, axis=0)
    before = Checkpoint(mlp, traits={"b": Trait(channels=3), "a": Trait(grid=grid)})
    outcome = prune_channels(before, PruneChannels(keep_macs=0.5), context(mlp))
    assert outcome.checkpoint.traits == {
        "b": Trait(channels=3), "a": Trait(channels=2, grid=grid),
    }  # fmt: skip
    assert before.traits["a"].channels is None


def test_masks_codebooks_and_steps_are_those_of_the_channels_that_stay(
    mlp: onnx.ModelProto, context: Around
) -> None:
    # units 1 and 3 stay: of "a" rows, of "b" columns; a_bias is one of three values
    a = np.float32([[1, 1], [9, 0], [2, 2], [0, 8], [3, 3]])
    b = np.float32([[1, 8, 2, 4, 0.5]] * 3)
    biases = np.float32([0.5, 0.5, 7, 0, 7])
    model = onnx.ModelProto()
    model.CopyFrom(mlp)
    for tensor, values in zip(model.graph.initializer, (a, biases, b), strict=False):
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    steps = Multiples((1.0, 3.0, 2.0, 4.0, 0.5), axis=0, most=8)
    columns = Multiples((1.0, 8.0, 2.0, 4.0, 0.5), axis=1, most=1)
    before = Checkpoint(
        model,
        {
            "a": Trait(sparse=True, multiples=steps),
            "a_bias": Trait(codebook=2),
            "b": Trait(multiples=columns),
        },
    )
    check_kept(before, before)
    done = prune_channels(before, PruneChannels(keep_macs=0.5), context(model)).checkpoint
    check_kept(before, done)
    assert arrays(done.model)["a"].tolist() == [[9, 0], [0, 8]]
    assert done.traits["a"] == Trait(
        channels=2, sparse=True, multiples=Multiples((3.0, 4.0), axis=0, most=8)
    )
    assert done.traits["b"] == Trait(multiples=Multiples((8.0, 4.0), axis=1, most=1))
    assert done.traits["a_bias"] == Trait(codebook=2)


def test_heads_stay_whole_and_the_layers_around_them_may_shrink(
    net: Build, context: Around
) -> None:
    def heads(name: str) -> list[onnx.NodeProto]:
        return [
            make_node("MatMul", ["x", name], [f"{name}1"]),
            make_node("Reshape", [f"{name}1", "split"], [f"{name}2"]),
            make_node(
                "Transpose", [f"{name}2"], [f"{name}3"],
                perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3],
            ),
        ]  # fmt: skip

    nodes = [
        *heads("q"), *heads("k"), *heads("v"),
        make_node("MatMul", ["q3", "k3"], ["qk"]),
        make_node("Softmax", ["qk"], ["soft"], axis=-1),
        make_node("MatMul", ["soft", "v3"], ["mixed"]),
        make_node("Transpose", ["mixed"], ["back"], perm=[0, 2, 1, 3]),
        make_node("Reshape", ["back", "joined"], ["whole"]),
        make_node("MatMul", ["whole", "o"], ["attended"]),
        make_node("Relu", ["attended"], ["r"]),
        make_node("MatMul", ["r", "f"], ["y"]),
    ]  # fmt: skip
    model = net(
        nodes, [5, 6], [5, 4], q=(6, 8), k=(6, 8), v=(6, 8), o=(8, 10), f=(10, 4),
        split=np.array([0, 0, 2, 4]), joined=np.array([0, 0, 8]),
    )  # fmt: skip
    outcome = prune_channels(Checkpoint(model), PruneChannels(keep_macs=0.9), context(model))
    shapes = {name: array.shape for name, array in arrays(outcome.checkpoint.model).items()}
    assert {shapes[name] for name in "qkv"} == {(6, 8)}
    assert shapes["o"][1] == shapes["f"][0] < 10
    assert "attention heads" in str(outcome.facts["left_alone"])


def test_a_narrowed_residual_net_is_the_original_that_does_not_hear_the_lost_channels(
    net: Build, context: Around
) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"], pads=[1, 1, 1, 1]),
        make_node("Relu", ["h"], ["r"]),
        make_node("Conv", ["r", "b"], ["b_out"], pads=[1, 1, 1, 1]),
        make_node("Add", ["r", "b_out"], ["sum"]),
        make_node("GlobalAveragePool", ["sum"], ["pooled"]),
        make_node("Flatten", ["pooled"], ["flat"]),
        make_node("Gemm", ["flat", "fc"], ["y"], transB=1),
    ]
    model = net(nodes, [2, 4, 4], [3], a=(6, 2, 3, 3), b=(6, 6, 3, 3), fc=(3, 6))
    outcome = prune_channels(Checkpoint(model), PruneChannels(keep_macs=0.4), context(model))
    old, new = arrays(model), arrays(outcome.checkpoint.model)
    kept = [k for k in range(6) if any(np.array_equal(old["a"][k], row) for row in new["a"])]
    deaf = onnx.ModelProto()
    deaf.CopyFrom(model)
    for tensor in deaf.graph.initializer:
        if tensor.name in ("b", "fc"):
            weight = old[tensor.name].copy()
            weight[:, [k for k in range(6) if k not in kept]] = 0
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    x = np.random.default_rng(2).normal(size=(3, 2, 4, 4)).astype(np.float32)
    wanted = run(open_session(deaf), {"x": x})["y"]
    given = run(open_session(outcome.checkpoint.model), {"x": x})["y"]
    assert 0 < len(kept) < 6
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("criterion", ["taylor", "hessian"])
def test_a_criterion_of_the_loss_needs_labels_and_looks_at_it(
    mlp: onnx.ModelProto, context: Around, criterion: str
) -> None:
    around = replace(context(mlp), task=Task(kind="classification"), train=_Labelled())
    spec = PruneChannels.model_validate(
        {"keep_macs": 0.5, "criterion": criterion, "samples": 8}
    )
    outcome = prune_channels(Checkpoint(mlp), spec, around)
    assert arrays(outcome.checkpoint.model)["a"].shape == (2, 2)
    with pytest.raises(StepImpossible, match="no labels"):
        prune_channels(Checkpoint(mlp), spec, replace(around, train=_Labelled(answered=False)))


class _Untouchable:
    count = 10
    has_labels = True

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        raise AssertionError("data were read")

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError("data were read")


class _Labelled:
    count = 20

    def __init__(self, *, answered: bool = True) -> None:
        self.has_labels = answered

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        table = np.random.default_rng(1).normal(size=(self.count, 2)).astype(np.float32)
        return {"x": table[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return rows % 3
