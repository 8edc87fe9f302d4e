from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from torch import nn


@pytest.mark.parametrize(
    ("kind", "attributes", "opset"),
    [
        *((kind, {}, 18) for kind in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Mish")),
        *((kind, {}, 18) for kind in ("Softsign", "Softplus", "HardSigmoid", "Selu")),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}, 18),
        ("Selu", {"alpha": 1.3, "gamma": 0.7}, 18),
        ("Gelu", {}, 20),
        ("Gelu", {"approximate": "tanh"}, 20),
        ("LeakyRelu", {"alpha": 0.3}, 18),
        ("Elu", {"alpha": 0.3}, 18),
        ("Celu", {"alpha": 0.3}, 18),
        ("ThresholdedRelu", {"alpha": 0.3}, 18),
        ("Softmax", {"axis": 1}, 18),
        ("LogSoftmax", {}, 18),
        ("Hardmax", {"axis": 1}, 18),
    ],
)
def test_an_activation_agrees(
    build: Any, agree: Any, kind: str, attributes: Any, opset: int
) -> None:
    agree(build([make_node(kind, ["x"], ["y"], **attributes)], opset=opset))


def test_prelu_with_one_slope_a_channel_is_a_module(build: Any, agree: Any, rand: Any) -> None:
    view = agree(build([make_node("PRelu", ["x", "s"], ["y"])], {"s": rand(3, 1, 1)}))
    assert isinstance(view.module.s, nn.PReLU)
    agree(build([make_node("PRelu", ["x", "s"], ["y"])], {"s": rand(8)}))


@pytest.mark.parametrize(
    ("low", "high", "module"),
    [(0.0, 6.0, nn.ReLU6), (-0.5, 0.25, nn.Hardtanh), (None, 0.25, None), (0.1, None, None)],
)
def test_clip_agrees_with_any_limits(
    build: Any, agree: Any, low: Any, high: Any, module: Any
) -> None:
    limits = {"low": low, "high": high}
    given = {k: np.array(v, np.float32) for k, v in limits.items() if v is not None}
    node = make_node("Clip", ["x", *(k if k in given else "" for k in limits)], ["y"])
    view = agree(build([node], given))
    assert module is None or [type(m) for m in view.module.children()] == [module]
