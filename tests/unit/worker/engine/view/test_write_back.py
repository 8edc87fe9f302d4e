from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.helper import make_node, make_tensor
from torch import nn

from lathe.errors import StepImpossible
from worker.engine import gate
from worker.engine.probe import random_inputs
from worker.engine.view import TorchView, torch_view, write_back


def tensors(model: onnx.ModelProto) -> dict[str, Any]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def keep(module: nn.Module, axis: int, rows: Sequence[int], *names: str) -> None:
    """Cut the named tensors of a module down to some rows, as pruning does."""
    for name in names:
        shorter = getattr(module, name).detach().index_select(axis, torch.tensor(rows))
        setattr(module, name, nn.Parameter(shorter))


def runs_and_matches(view: TorchView, model: onnx.ModelProto) -> onnx.ModelProto:
    result = write_back(view, model)
    gate.view_matches(view, result, random_inputs(result, 3, seed=2))
    assert [n.name for n in result.graph.output] == [n.name for n in model.graph.output]
    return result


@pytest.fixture
def mlp(build: Any, rand: Any) -> onnx.ModelProto:
    nodes = [
        make_node("Gemm", ["x", "a.weight", "a.bias"], ["a"], transB=1),
        make_node("Relu", ["a"], ["r"]),
        make_node("MatMul", ["r", "b.weight"], ["m"]),
        make_node("Add", ["m", "b.bias"], ["y"]),
    ]
    constants = {"a.weight": rand(5, 3), "a.bias": rand(5), "b.weight": rand(5, 2)}
    model: onnx.ModelProto = build(nodes, {**constants, "b.bias": rand(2)}, ("batch", 3))
    return model


def test_a_changed_weight_changes_its_own_tensor_alone_and_the_model_given_stays(
    mlp: onnx.ModelProto,
) -> None:
    before = mlp.SerializeToString()
    view: Any = torch_view(mlp)
    with torch.no_grad():
        view.module.b.weight[1, 3] = 7.0  # (out, in) here, (in, out) in the file
    result = runs_and_matches(view, mlp)
    old, new = tensors(mlp), tensors(result)
    assert [name for name in new if not np.array_equal(new[name], old[name])] == ["b.weight"]
    assert new["b.weight"][3, 1] == 7.0
    assert mlp.SerializeToString() == before


def test_hidden_units_can_be_cut_out(mlp: onnx.ModelProto) -> None:
    view: Any = torch_view(mlp)
    keep(view.module.a, 0, [0, 3, 4], "weight", "bias")
    keep(view.module.b, 1, [0, 3, 4], "weight")
    found = {name: array.shape for name, array in tensors(runs_and_matches(view, mlp)).items()}
    assert found == {"a.weight": (3, 3), "a.bias": (3,), "b.weight": (3, 2), "b.bias": (2,)}


def test_channels_cut_from_a_depthwise_net_take_groups_and_flat_sizes_along(
    build: Any, rand: Any
) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["a1"], pads=[1, 1, 1, 1]),
        make_node("Conv", ["a1", "d"], ["d1"], group=6),
        make_node("Reshape", ["d1", "flat"], ["f"]),
        make_node("Gemm", ["f", "fc"], ["y"], transB=1),
    ]
    constants = {"a": rand(6, 3, 3, 3), "d": rand(6, 1, 3, 3), "fc": rand(4, 54)}
    model = build(nodes, {**constants, "flat": np.array([-1, 54])}, ("batch", 3, 5, 5))
    view: Any = torch_view(model)
    keep(view.module.a, 0, [1, 2, 4, 5], "weight")
    keep(view.module.d, 0, [1, 2, 4, 5], "weight")
    view.module.d.groups = 4
    places = np.arange(54).reshape(6, 9)[[1, 2, 4, 5]].reshape(-1)
    keep(view.module.fc, 1, places.tolist(), "weight")
    result = runs_and_matches(view, model)
    assert next(a.i for a in result.graph.node[1].attribute if a.name == "group") == 4
    assert 36 in tensors(result)[result.graph.node[2].input[1]]


def attention(build: Any, rand: Any) -> onnx.ModelProto:
    """Heads 2 of width 3, sizes computed from the input and one vector of them shared."""
    nodes = [
        make_node("Shape", ["x"], ["bt"], start=0, end=2),
        make_node("Concat", ["bt", "heads"], ["split"], axis=0),
        make_node("Concat", ["bt", "width"], ["merge"], axis=0),
    ]
    for n, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            make_node("MatMul", ["x", n], [f"{n}1"]),
            make_node("Reshape", [f"{n}1", "split"], [f"{n}2"]),
            make_node("Transpose", [f"{n}2"], [f"{n}3"], perm=order),
        ]
    nodes += [
        make_node("MatMul", ["q3", "k3"], ["s"]),
        make_node("Softmax", ["s"], ["p"]),
        make_node("MatMul", ["p", "v3"], ["c"]),
        make_node("Transpose", ["c"], ["t"], perm=[0, 2, 1, 3]),
        make_node("Reshape", ["t", "merge"], ["m"]),
        make_node("MatMul", ["m", "o"], ["y"]),
    ]
    constants = {name: rand(6, 6, seed=k) for k, name in enumerate("qkvo")}
    sizes = {"heads": np.array([2, 3]), "width": np.array([6])}
    model: onnx.ModelProto = build(nodes, {**constants, **sizes}, ("batch", "time", 6))
    return model


def test_a_head_cut_out_of_attention_changes_the_sizes_that_name_it(
    build: Any, rand: Any
) -> None:
    model = attention(build, rand)
    view: Any = torch_view(model)
    for name in "qkv":
        keep(view.module.get_submodule(name), 0, [3, 4, 5], "weight")
    keep(view.module.o, 1, [3, 4, 5], "weight")
    for split in (m for m in view.module.children() if hasattr(m, "h")):
        split.h = 1
    result = runs_and_matches(view, model)
    assert set("qkvo") <= set(tensors(result))
    assert "heads" not in tensors(result)  # nothing reads it any more


def test_narrower_heads_change_the_sizes_of_queries_and_keys_but_not_of_values(
    build: Any, rand: Any
) -> None:
    model = attention(build, rand)
    view: Any = torch_view(model)
    for name in "qk":
        keep(view.module.get_submodule(name), 0, [0, 2, 3, 5], "weight")
    result = runs_and_matches(view, model)
    readers = {n.output[0]: n.input[1] for n in result.graph.node if n.op_type == "Reshape"}
    assert readers["q2"] == readers["k2"] != readers["v2"] == "split"


def test_expand_split_and_shapes_behind_concat_follow(build: Any, rand: Any) -> None:
    nodes = [
        make_node("Shape", ["x"], ["n"], start=0, end=1),
        make_node("Concat", ["n", "rest"], ["size"], axis=0),
        make_node("Expand", ["token", "size"], ["t"]),
        make_node("MatMul", ["x", "w"], ["e"]),
        make_node("Concat", ["t", "e"], ["c"], axis=1),
        make_node("Split", ["c", "parts"], ["p", "q"], axis=2),
        make_node("ReduceSum", ["p"], ["u"], keepdims=0),
        make_node("ReduceMax", ["q"], ["v"], keepdims=0),
        make_node("Sub", ["u", "v"], ["y"]),
    ]
    constants = {"token": rand(1, 1, 6), "w": rand(4, 6, seed=8)}
    sizes = {"rest": np.array([1, 6]), "parts": np.array([4, 2])}
    model = build(nodes, {**constants, **sizes}, ("batch", 3, 4))
    view: Any = torch_view(model)
    keep(view.module.get_submodule("free_token"), 2, [0, 1, 3, 4, 5], "value")
    keep(view.module.w, 0, [0, 1, 3, 4, 5], "weight")
    (split,) = (m for m in view.module.children() if hasattr(m, "sizes"))
    split.sizes = [3, 2]
    runs_and_matches(view, model)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_hidden_units_cut_out_of_a_recurrent_layer_take_its_size_and_state_along(
    build: Any, rand: Any, kind: str
) -> None:
    gates = {"LSTM": 4, "GRU": 3}[kind]
    extra: dict[str, Any] = {"linear_before_reset": 1} if kind == "GRU" else {}
    nodes = [
        make_node("Shape", ["x"], ["b"], start=1, end=2),
        make_node("Concat", ["one", "b", "five"], ["size"], axis=0),
        make_node("Expand", ["zero", "size"], ["h"]),
        make_node(kind, ["x", "w", "r", "bias", "", "h"], ["a"], hidden_size=5, **extra),
        make_node("Squeeze", ["a", "one"], ["s"]),
        make_node("MatMul", ["s", "fc"], ["y"]),
    ]
    weights = {"w": rand(1, gates * 5, 3), "r": rand(1, gates * 5, 5), "fc": rand(5, 2)}
    zero = {
        "zero": np.zeros((1, 1, 1), np.float32),
        "one": np.array([1]),
        "five": np.array([5]),
    }
    bias = {"bias": rand(1, gates * 10)}
    model = build(nodes, {**weights, **bias, **zero}, (4, "batch", 3))
    view: Any = torch_view(model)
    rows = [0, 2, 4]
    every = [g * 5 + r for g in range(gates) for r in rows]
    layer: Any = view.module.w
    old: Any = layer.rnn
    layer.rnn = type(old)(3, 3)
    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
        getattr(layer.rnn, name).data.copy_(getattr(old, name).data[every])
    layer.rnn.weight_hh_l0.data.copy_(old.weight_hh_l0.data[every][:, rows])
    keep(view.module.fc, 1, rows, "weight")
    result = runs_and_matches(view, model)
    assert tensors(result)["w"].shape == (1, gates * 3, 3)
    assert "zero" not in tensors(result)


def test_a_size_vector_made_of_several_constants_changes_in_the_right_one(
    build: Any, rand: Any
) -> None:
    nodes = [
        make_node("Conv", ["x", "w"], ["c"]),
        make_node("Shape", ["c"], ["n"], start=0, end=1),
        make_node("Concat", ["n", "six", "nine"], ["size"], axis=0),
        make_node("Reshape", ["c", "size"], ["r"]),
        make_node("ReduceMax", ["r", "one"], ["y"]),
    ]
    sizes = {"six": np.array([6]), "nine": np.array([9]), "one": np.array([1])}
    model = build(nodes, {"w": rand(6, 3, 3, 3), **sizes}, ("batch", 3, 5, 5))
    view: Any = torch_view(model)
    keep(view.module.w, 0, [1, 2, 5], "weight")
    found = tensors(runs_and_matches(view, model))
    assert {name: a.tolist() for name, a in found.items() if a.dtype == np.int64} == {
        "six/1": [3], "nine": [9], "one": [1],
    }  # fmt: skip


def test_a_one_in_an_expand_still_means_the_size_that_comes(build: Any, rand: Any) -> None:
    nodes = [
        make_node("MatMul", ["x", "w"], ["e"]),
        make_node("Expand", ["e", "size"], ["t"]),
        make_node("ReduceMax", ["t", "last"], ["y"]),
    ]
    sizes = {"size": np.array([1, 1, 6]), "last": np.array([-1])}
    model = build(nodes, {"w": rand(4, 6), **sizes}, ("batch", 3, 4))
    view: Any = torch_view(model)
    keep(view.module.w, 0, [0, 1, 3, 4, 5], "weight")
    result = runs_and_matches(view, model)
    assert tensors(result)["size/1"].tolist() == [1, 1, 5]


def test_a_convolution_that_became_grouped_says_so(build: Any, rand: Any) -> None:
    model = build(
        [make_node("Conv", ["x", "w"], ["y"])], {"w": rand(6, 4, 2, 2)}, ("n", 4, 5, 5)
    )
    view: Any = torch_view(model)
    keep(view.module.w, 1, [0, 1], "weight")
    view.module.w.groups = 2
    runs_and_matches(view, model)


def test_statistics_that_training_moved_are_written_back(build: Any, rand: Any) -> None:
    node = make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])
    model = build([node], {**{k: rand(3) for k in "sbm"}, "v": np.ones(3, np.float32)})
    view: Any = torch_view(model)
    view.module.train()
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 3 + 2
    view.forward({"x": x})
    view.module.eval()
    old, new = tensors(model), tensors(runs_and_matches(view, model))
    expected = 0.9 * old["m"] + 0.1 * x.mean((0, 2, 3)).numpy()
    np.testing.assert_allclose(new["m"], expected, rtol=1e-5)
    assert np.array_equal(new["s"], old["s"])


def test_a_float16_file_stays_float16_and_untouched_tensors_keep_their_bytes(
    build: Any, rand: Any
) -> None:
    node = make_node("Gemm", ["x", "w", "b"], ["y"])
    constants = {"w": rand(4, 3).astype(np.float16), "b": rand(3).astype(np.float16)}
    model = build([node], constants, ("batch", 4), kind=10, made=10)
    view: Any = torch_view(model)
    with torch.no_grad():
        view.module.w.weight.mul_(1.5)
    new = tensors(write_back(view, model))
    assert new["w"].dtype == np.float16
    np.testing.assert_array_equal(new["w"], constants["w"] * np.float16(1.5))
    np.testing.assert_array_equal(new["b"], constants["b"])


def test_a_tensor_that_did_not_change_stays_as_it_was_stored(build: Any, rand: Any) -> None:
    model = build(
        [make_node("Gemm", ["x", "w", "b"], ["y"])],
        {"w": rand(4, 3), "b": rand(3)},
        ("batch", 4),
    )
    typed = make_tensor("b", 1, [3], [1.0, 2.0, 5.0])  # float_data, not raw_data
    model.graph.initializer[1].CopyFrom(typed)
    view: Any = torch_view(model)
    with torch.no_grad():
        view.module.w.weight.mul_(1.5)
    result = write_back(view, model)
    assert result.graph.initializer[0] != model.graph.initializer[0]
    assert result.graph.initializer[1] == typed


def test_a_tensor_that_two_layers_share_splits_when_they_are_changed_apart(
    build: Any, rand: Any
) -> None:
    nodes = [
        make_node("LayerNormalization", ["x", "one", "p"], ["a"]),
        make_node("MatMul", ["a", "w"], ["m"]),
        make_node("LayerNormalization", ["m", "one", "q"], ["y"]),
    ]
    constants = {"one": np.ones(6, np.float32), "p": rand(6), "q": rand(6, seed=1)}
    model = build(nodes, {**constants, "w": rand(6, 6)}, ("batch", 6))
    view: Any = torch_view(model)
    second = view.module.one_1
    second.weight = nn.Parameter(second.weight.detach() * 2)
    new = tensors(runs_and_matches(view, model))
    assert set(new) == {"one", "p", "q", "w", "one/y/1"}
    assert np.array_equal(new["one/y/1"], np.full(6, 2))


def test_a_transposed_tensor_that_was_changed_apart_is_refused(build: Any, rand: Any) -> None:
    nodes = [
        make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        make_node("MatMul", ["x", "wt"], ["a"]),
        make_node("MatMul", ["a", "wt"], ["y"]),
    ]
    model = build(nodes, {"w": rand(4, 4)}, ("batch", 4))
    view: Any = torch_view(model)
    second = view.module.w_1
    second.weight = nn.Parameter(second.weight.detach() * 2)
    with pytest.raises(StepImpossible, match="changed apart"):
        write_back(view, model)
