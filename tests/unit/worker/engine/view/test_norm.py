from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

from worker.engine.view import blocking_operators, torch_view


@pytest.mark.parametrize("x", [("batch", 3), ("batch", 3, 6), ("batch", 3, 5, 4)])
def test_batch_norm_uses_the_stored_statistics(
    build: Any, agree: Any, rand: Any, x: Any
) -> None:
    names = ["s", "b", "m", "v"]
    values = [rand(3), rand(3, seed=1), rand(3, seed=2), rand(3, seed=9) ** 2 + 0.1]
    node = make_node("BatchNormalization", ["x", *names], ["y"], epsilon=0.02, momentum=0.7)
    view = agree(build([node], dict(zip(names, values, strict=True)), x))
    assert view.module.s.momentum == pytest.approx(0.3)
    assert not view.module.s.training


def test_batch_norm_may_share_one_tensor_between_shift_and_mean(
    build: Any, agree: Any, rand: Any
) -> None:
    node = make_node("BatchNormalization", ["x", "one", "zero", "zero", "one"], ["y"])
    constants = {"one": np.ones(3, np.float32), "zero": np.zeros(3, np.float32)}
    view = agree(build([node], constants))
    assert len(list(view.module.parameters())) == 2


@pytest.mark.parametrize(
    ("kind", "inputs", "shape", "attributes", "opset"),
    [
        ("LayerNormalization", ["w", "b"], (6,), {"epsilon": 0.03}, 18),
        ("LayerNormalization", ["w"], (4, 6), {"axis": -2}, 18),
        ("LayerNormalization", ["w", "b"], (4, 6), {"axis": 1}, 18),
        ("InstanceNormalization", ["w", "b"], (4,), {"epsilon": 0.03}, 18),
        ("GroupNormalization", ["w", "b"], (4,), {"num_groups": 2}, 21),
        ("RMSNormalization", ["w"], (6,), {"epsilon": 0.03}, 23),
    ],
)
def test_a_norm_agrees(
    build: Any,
    agree: Any,
    rand: Any,
    kind: Any,
    inputs: Any,
    shape: Any,
    attributes: Any,
    opset: Any,
) -> None:
    node = make_node(kind, ["x", *inputs], ["y"], **attributes)
    constants = {name: rand(*shape, seed=k) for k, name in enumerate(inputs)}
    view = agree(build([node], constants, ("batch", 4, 6), opset=opset))
    assert list(view.layers) == ["w"]


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("LRN", {"size": 3, "alpha": 0.3, "beta": 0.6, "bias": 1.5}),
        ("LpNormalization", {"axis": 1}),
        ("MeanVarianceNormalization", {}),
        ("MeanVarianceNormalization", {"axes": [0, 3]}),
    ],
)
def test_a_norm_without_weights_agrees(
    build: Any, agree: Any, kind: Any, attributes: Any
) -> None:
    agree(build([make_node(kind, ["x"], ["y"], **attributes)]))


def test_layer_norms_that_share_their_scale_share_the_parameter(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("LayerNormalization", ["x", "w", "b"], ["a"]),
        make_node("LayerNormalization", ["a", "w", "c"], ["y"]),
    ]
    view = agree(
        build(nodes, {"w": rand(6), "b": rand(6, seed=1), "c": rand(6, seed=2)}, ("n", 6))
    )
    assert len(list(view.module.parameters())) == 3


def test_a_training_mode_norm_is_named_as_the_obstacle(build: Any, rand: Any) -> None:
    node = make_node(
        "BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "nm", "nv"], training_mode=1
    )
    model = build([node], {k: rand(3) ** 2 for k in "sbmv"})
    assert blocking_operators(model) == ("BatchNormalization(training_mode)",)
    assert "y" in {o.name for o in model.graph.output}


def test_a_norm_computes_in_float32_what_the_file_holds_in_float16(
    build: Any, rand: Any
) -> None:
    node = make_node("LayerNormalization", ["x", "w", "b"], ["y"])
    constants = {"w": rand(6).astype(np.float16), "b": rand(6, seed=1).astype(np.float16)}
    view = torch_view(build([node], constants, ("batch", 6), kind=10, made=10))
    x = rand(2, 6).astype(np.float16)
    assert view.outputs({"x": x})["y"].dtype == np.float32


def test_a_layer_norm_may_tell_its_statistics(build: Any, agree: Any, rand: Any) -> None:
    node = make_node("LayerNormalization", ["x", "w", "b"], ["y", "m", "d"], axis=1)
    constants = {"w": rand(4, 6), "b": rand(4, 6, seed=1)}
    outputs = ("y", "m", "d")
    view = agree(build([node], constants, ("batch", 4, 6), outputs=outputs))
    told = view.outputs({"x": np.arange(24, dtype=np.float32).reshape(1, 4, 6)})
    assert told["m"].item() == 11.5
    np.testing.assert_allclose(told["d"].item(), 1 / np.sqrt((24**2 - 1) / 12), rtol=1e-5)


def test_a_group_norm_may_compute_its_scale(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("Exp", ["s"], ["positive"]),
        make_node("GroupNormalization", ["x", "positive", "b"], ["y"], num_groups=2),
    ]
    constants = {"s": rand(4), "b": rand(4, seed=1)}
    agree(build(nodes, constants, ("batch", 4, 3), opset=21))


def test_a_batch_norm_may_compute_its_scale_or_have_any_rank(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Exp", ["s"], ["positive"]),
        make_node("BatchNormalization", ["x", "positive", "b", "m", "v"], ["y"]),
    ]
    constants = {k: rand(3, seed=i) for i, k in enumerate("sbm")} | {"v": rand(3) ** 2 + 0.1}
    view = agree(build(nodes, constants, ("batch", 3, 2, 2, 1, 2)))
    assert sorted(view.free_parameters()) == ["free_b", "free_s"]
