"""Which channels are coupled, on nets where it is known."""

from collections.abc import Callable

import numpy as np
import onnx
import torch
from onnx.helper import make_node

from worker.engine.prune.channels.groups import coupled
from worker.engine.prune.channels.proof import computes_the_same, cuts_cleanly
from worker.engine.prune.coupling import Group, LeftAlone
from worker.engine.view import TorchView, torch_view

Build = Callable[..., onnx.ModelProto]
Found = tuple[TorchView, list[Group], list[LeftAlone], dict[str, torch.Tensor]]
HEAD = [
    make_node("GlobalAveragePool", ["last"], ["pooled"]),
    make_node("Flatten", ["pooled"], ["flat"]),
    make_node("Gemm", ["flat", "fc"], ["y"], transB=1),
]


def found(model: onnx.ModelProto, *shape: int, protect: str | None = None) -> Found:
    view = torch_view(model)
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    protected = dict.fromkeys(view.output_modules(), "output")
    if protect is not None:
        protected[view.layers[protect]] = "kept by hand"
    groups, alone = coupled(view, {"x": x}, protected)
    return view, groups, alone, {"x": x}


def by_layer(view: TorchView, group: Group) -> dict[tuple[str, str], list[int]]:
    ids = {path: layer for layer, path in view.layers.items()}
    return {(ids.get(m.path, m.path), m.side): m.unit.tolist() for m in group.members}


def test_a_residual_sum_couples_both_branches_and_every_reader(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["a_out"], pads=[1, 1, 1, 1]),
        make_node("Relu", ["a_out"], ["h"]),
        make_node("Conv", ["h", "b", "b_bias"], ["b_out"], pads=[1, 1, 1, 1]),
        make_node("Add", ["h", "b_out"], ["last"]),
        *HEAD,
    ]
    model = net(nodes, [2, 4, 4], [3], a=(6, 2, 3, 3), b=(6, 6, 3, 3), b_bias=(6,), fc=(3, 6))
    view, groups, alone, inputs = found(model, 2, 4, 4)
    (group,) = groups
    six = list(range(6))
    assert group.units == 6
    assert by_layer(view, group) == {
        ("a", "out"): six, ("b", "out"): six, ("b", "in"): six, ("fc", "in"): six,
    }  # fmt: skip
    assert [(view.layers["fc"], "output")] == [(layer.path, layer.reason) for layer in alone]
    assert cuts_cleanly(view, group, inputs, 0)


def test_a_shortcut_that_pads_channels_leaves_what_it_sums_alone(net: Build) -> None:
    """He et al. 2016, option A: four channels become six, one of zeros at either side."""
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Conv", ["h", "inner"], ["i"]),
        make_node("Relu", ["i"], ["r"]),
        make_node("Conv", ["r", "outer"], ["o"]),
        make_node("Pad", ["h", "sides"], ["wide"]),
        make_node("Add", ["o", "wide"], ["last"]),
        *HEAD,
    ]
    model = net(
        nodes, [2, 4, 4], [3],
        a=(4, 2, 1, 1), inner=(5, 4, 1, 1), outer=(6, 5, 1, 1), fc=(3, 6),
        sides=np.array([0, 1, 0, 0, 0, 1, 0, 0]),
    )  # fmt: skip
    view, groups, alone, inputs = found(model, 2, 4, 4)
    (group,) = [g for g in groups if cuts_cleanly(view, g, inputs, 0)]
    five = list(range(5))
    assert by_layer(view, group) == {("inner", "out"): five, ("outer", "in"): five}
    reasons = {layer.path: layer.reason for layer in alone}
    assert "cannot be traced" in reasons[view.layers["outer"]]


def test_a_depthwise_convolution_goes_with_the_channels_it_filters(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Conv", ["h", "deep", "deep_bias"], ["d"], group=6),
        make_node("Conv", ["d", "b"], ["last"]),
        *HEAD,
    ]
    model = net(
        nodes, [2, 5, 5], [3],
        a=(6, 2, 1, 1), deep=(6, 1, 3, 3), deep_bias=(6,), b=(5, 6, 1, 1), fc=(3, 5),
    )  # fmt: skip
    view, groups, _, inputs = found(model, 2, 5, 5)
    six = list(range(6))
    first = next(group for group in groups if group.units == 6)
    assert by_layer(view, first) == {
        ("a", "out"): six, ("deep", "through"): six, ("b", "in"): six,
    }  # fmt: skip
    assert [group.units for group in groups] == [5, 6] or [g.units for g in groups] == [6, 5]
    assert all(cuts_cleanly(view, group, inputs, 0) for group in groups)


def test_a_concatenation_keeps_its_inputs_apart_and_the_reader_in_order(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["a_out"]),
        make_node("Conv", ["x", "b"], ["b_out"]),
        make_node("Concat", ["b_out", "a_out"], ["both"], axis=1),
        make_node("Conv", ["both", "c"], ["last"]),
        *HEAD,
    ]
    model = net(
        nodes, [2, 3, 3], [3], a=(4, 2, 1, 1), b=(6, 2, 1, 1), c=(5, 10, 1, 1), fc=(3, 5)
    )
    view, groups, _, inputs = found(model, 2, 3, 3)
    readers = {g.units: by_layer(view, g).get(("c", "in")) for g in groups}
    assert readers == {
        4: [-1] * 6 + [0, 1, 2, 3],
        6: [0, 1, 2, 3, 4, 5] + [-1] * 4,
        5: None,
    }
    halves = [np.arange(group.units) % 2 == 0 for group in groups]
    assert computes_the_same(view, groups, halves, inputs)


def test_a_flattened_image_gives_each_channel_its_block_of_columns(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Flatten", ["h"], ["flat"]),
        make_node("Gemm", ["flat", "fc"], ["y"], transB=1),
    ]
    model = net(nodes, [1, 2, 3], [4], a=(3, 1, 1, 1), fc=(4, 18))
    view, (group,), _, inputs = found(model, 1, 2, 3)
    assert by_layer(view, group)["fc", "in"] == [u for u in range(3) for _ in range(6)]
    assert cuts_cleanly(view, group, inputs, 0)


def test_a_protected_layer_protects_all_that_it_is_coupled_with(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["a_out"]),
        make_node("Conv", ["x", "b"], ["b_out"]),
        make_node("Add", ["a_out", "b_out"], ["last"]),
        *HEAD,
    ]
    model = net(nodes, [2, 3, 3], [3], a=(6, 2, 1, 1), b=(6, 2, 1, 1), fc=(3, 6))
    view, groups, alone, _ = found(model, 2, 3, 3, protect="b")
    assert groups == []
    reasons = {layer.path: layer.reason for layer in alone}
    assert reasons[view.layers["a"]] == reasons[view.layers["b"]] == "kept by hand"


def test_channels_that_are_a_model_output_are_never_a_group(net: Build) -> None:
    nodes = [make_node("Conv", ["x", "a"], ["h"]), make_node("Relu", ["h"], ["y"])]
    view = torch_view(net(nodes, [2, 3, 3], [6, 3, 3], a=(6, 2, 1, 1)))
    groups, alone = coupled(view, {"x": torch.ones(2, 2, 3, 3)}, protected={})
    assert groups == []
    assert [layer.reason for layer in alone] == ["its channels are a model output"]


def test_a_convolution_in_several_groups_is_left_alone(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Conv", ["h", "b"], ["last"], group=2),
        *HEAD,
    ]
    model = net(nodes, [2, 3, 3], [3], a=(4, 2, 1, 1), b=(6, 2, 1, 1), fc=(3, 6))
    view, groups, alone, _ = found(model, 2, 3, 3)
    assert groups == []
    assert "cannot be narrowed" in {a.path: a.reason for a in alone}[view.layers["a"]]


def test_shuffled_channels_do_not_pass_the_proof(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Reshape", ["h", "split"], ["five"]),
        make_node("Transpose", ["five"], ["turned"], perm=[0, 2, 1, 3, 4]),
        make_node("Reshape", ["turned", "joined"], ["shuffled"]),
        make_node("Conv", ["shuffled", "b"], ["last"]),
        *HEAD,
    ]
    model = net(
        nodes, [2, 3, 3], [3], a=(8, 2, 1, 1), b=(5, 8, 1, 1), fc=(3, 5),
        split=np.array([0, 2, -1, 3, 3]), joined=np.array([0, -1, 3, 3]),
    )  # fmt: skip
    view, groups, _, inputs = found(model, 2, 3, 3)
    clean = [group.units for group in groups if cuts_cleanly(view, group, inputs, 0)]
    assert clean == [5]


def test_the_proof_leaves_the_view_as_it_was(net: Build) -> None:
    nodes = [make_node("Conv", ["x", "a"], ["last"]), *HEAD]
    model = net(nodes, [2, 3, 3], [3], a=(8, 2, 1, 1), fc=(3, 8))
    view, (group,), _, inputs = found(model, 2, 3, 3)
    before = {k: v.clone() for k, v in view.module.state_dict().items()}
    cuts_cleanly(view, group, inputs, 0)
    after = view.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert view.module.get_submodule(view.layers["a"]).out_channels == 8


def test_a_position_table_and_a_layer_norm_go_with_the_width_they_lie_on(net: Build) -> None:
    nodes = [
        make_node("MatMul", ["x", "a"], ["h"]),
        make_node("Add", ["h", "places"], ["placed"]),
        make_node("LayerNormalization", ["placed", "scale", "shift"], ["normed"]),
        make_node("MatMul", ["normed", "b"], ["y"]),
    ]
    model = net(
        nodes, [5, 6], [5, 4], a=(6, 8), places=(1, 5, 8), scale=(8,), shift=(8,), b=(8, 4)
    )
    view, (group,), _, inputs = found(model, 5, 6)
    assert sorted(side for _, side in by_layer(view, group)) == [
        "in",
        "out",
        "through",
        "through",
    ]
    assert cuts_cleanly(view, group, inputs, 0)
