"""How active units are, seen where their first activation is."""

import numpy as np
import onnx
import pytest
import torch
from onnx.helper import make_node

from tests.unit.worker.engine.prune.conftest import Build
from worker.engine.prune.channels.activity import Activity, magnitudes, nonzero, places
from worker.engine.prune.coupling import Group, Member
from worker.engine.view import TorchView, torch_view

TWO = np.arange(2)
BACK = np.array([1, 0])


def residual(net: Build) -> onnx.ModelProto:
    """A 1x1 convolution to h, another from relu(h), their sum through a ReLU, then both
    channels are added up."""
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Relu", ["h"], ["r"]),
        make_node("Conv", ["r", "b"], ["g"]),
        make_node("Add", ["g", "r"], ["s"]),
        make_node("Relu", ["s"], ["t"]),
        make_node("Conv", ["t", "c"], ["y"]),
    ]
    eye = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    a = np.float32([[1], [-2]]).reshape(2, 1, 1, 1)
    c = np.ones((1, 2, 1, 1), np.float32)
    return net(nodes, [1, 1, 2], [1, 1, 2], a=a, b=eye * -3, c=c)


@pytest.fixture
def view(net: Build) -> TorchView:
    return torch_view(residual(net))


@pytest.fixture
def group() -> Group:
    """Both layers make it; the second one's channels are counted from the back."""
    members = (Member("a", "out", TWO), Member("b", "out", BACK), Member("c", "in", TWO))
    return Group(2, members)


X = torch.tensor([[[[3.0, -1.0]]], [[[0.0, 5.0]]]])
# r = (3, 0, 0, 5), (0, 2, 0, 0) over examples and positions; s = -2 r, so t = 0


def test_a_unit_is_as_active_as_its_mean_magnitude_behind_each_layer(
    view: TorchView, group: Group
) -> None:
    activity = Activity(view, [group], magnitudes, zeros=False)
    activity.add({"x": X[:1]})
    activity.add({"x": X[1:]})
    (found,) = activity.scores()
    assert found.tolist() == [(8 / 4 + 0) / 2, (2 / 4 + 0) / 2]


def test_zeros_are_counted_over_examples_and_positions(view: TorchView) -> None:
    group = Group(2, (Member("a", "out", TWO), Member("b", "in", TWO)))
    activity = Activity(view, [group], nonzero, zeros=True)
    activity.add({"x": X})
    (found,) = activity.scores()
    assert found.tolist() == [2 / 4, 1 / 4]


def test_a_layer_without_an_activation_is_seen_itself_but_makes_no_zeros(net: Build) -> None:
    nodes = [make_node("MatMul", ["x", "a"], ["h"]), make_node("MatMul", ["h", "b"], ["y"])]
    a, b = np.float32([[1, -4]]), np.float32([[1], [1]])
    view = torch_view(net(nodes, [1], [1], a=a, b=b))
    group = Group(2, (Member("a", "out", BACK), Member("b", "in", BACK)))
    assert places(view, group, zeros=True) == []
    activity = Activity(view, [group], magnitudes, zeros=False)
    activity.add({"x": torch.tensor([[2.0], [-3.0]])})
    assert activity.scores()[0].tolist() == [10.0, 2.5]


def test_other_activations_and_a_norm_on_the_way_are_looked_behind(net: Build) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("BatchNormalization", ["h", "scale", "shift", "mean", "var"], ["n"]),
        make_node("Tanh", ["n"], ["t"]),
        make_node("Conv", ["t", "b"], ["y"]),
    ]
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    model = net(
        nodes, [1, 1, 1], [1, 1, 1], a=(2, 1, 1, 1), b=(1, 2, 1, 1),
        scale=ones, shift=zeros, mean=zeros, var=ones,
    )  # fmt: skip
    view = torch_view(model)
    (norm,) = (p for p, m in view.module.named_modules() if isinstance(m, torch.nn.BatchNorm2d))
    group = Group(2, (Member("a", "out", TWO), Member(norm, "through", TWO)))
    (place,) = places(view, group, zeros=False)
    assert isinstance(view.module.get_submodule(str(place.node.target)), torch.nn.Tanh)
    assert places(view, group, zeros=True) == []
