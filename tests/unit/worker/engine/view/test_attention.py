from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from worker.engine.view import blocking_operators, torch_view


def projected(build: Any, rand: Any, **attributes: Any) -> Any:
    """x (batch, 5, 8) -> q of 4 heads, k and v of 2; opset 23."""
    nodes = [
        make_node("MatMul", ["x", "wq"], ["q"]),
        make_node("MatMul", ["x", "wk"], ["k"]),
        make_node("MatMul", ["x", "wv"], ["v"]),
        make_node("Attention", ["q", "k", "v"], ["y"], **attributes),
    ]
    weights = {"wq": rand(8, 12), "wk": rand(8, 6, seed=1), "wv": rand(8, 10, seed=2)}
    return build(nodes, weights, ("batch", 5, 8), opset=23)


@pytest.mark.parametrize(
    "attributes", [{}, {"is_causal": 1}, {"scale": 0.3}, {"softcap": 1.5, "is_causal": 1}]
)
def test_heads_that_share_keys_agree(
    build: Any, agree: Any, rand: Any, attributes: Any
) -> None:
    view = agree(projected(build, rand, q_num_heads=4, kv_num_heads=2, **attributes))
    assert sorted(view.layers) == ["wk", "wq", "wv"]


@pytest.mark.parametrize("kind", [np.float32, np.bool_])
@pytest.mark.parametrize("causal", [0, 1])
def test_masks_and_earlier_keys_agree(
    build: Any, agree: Any, rand: Any, kind: Any, causal: int
) -> None:
    mask = (rand(5, 8) > -0.7) if kind is np.bool_ else rand(5, 8)
    node = make_node(
        "Attention", ["x", "k", "v", "m", "pk", "pv"], ["y", "nk", "nv", "s"],
        qk_matmul_output_mode=3, is_causal=causal,
    )  # fmt: skip
    constants = {
        "k": rand(2, 3, 5, 4),
        "v": rand(2, 3, 5, 6, seed=1),
        "m": mask.astype(kind),
        "pk": rand(2, 3, 3, 4, seed=4),
        "pv": rand(2, 3, 3, 6, seed=5),
    }
    model = build([node], constants, (2, 3, 5, 4), outputs=("y", "nk", "nv", "s"), opset=23)
    agree(model)


def test_two_keys_are_weighed_by_hand(build: Any) -> None:
    """q = (3, 4), k = (1, 0) and (0, 1), scale 1/2: scores 1.5 and 2; the mask adds 0.5 to
    the first, so both weigh a half of v = 10 and 30."""
    node = make_node("Attention", ["x", "k", "v", "m"], ["y"], scale=0.5)
    constants = {
        "k": np.array([[[[1, 0], [0, 1]]]], np.float32),
        "v": np.array([[[[10], [30]]]], np.float32),
        "m": np.array([[0.5, 0]], np.float32),
    }
    view = torch_view(build([node], constants, (1, 1, 1, 2), opset=23))
    x = np.array([[[[3, 4]]]], np.float32)
    assert view.outputs({"x": x})["y"].item() == pytest.approx(20.0)


def test_a_query_that_may_look_at_nothing_answers_zero_and_sends_no_nan_back(
    build: Any, agree: Any, rand: Any
) -> None:
    node = make_node("Attention", ["x", "k", "v", "m"], ["y"])
    mask = np.array([[True, False], [False, False]])
    constants = {"k": rand(1, 1, 2, 2), "v": rand(1, 1, 2, 3), "m": mask}
    view = agree(build([node], constants, (1, 1, 2, 2), opset=23))
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    y = view.forward({"x": x})["y"]
    assert y[0, 0, 1].tolist() == [0, 0, 0]
    y.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("width", [0, 4])
def test_rotary_embedding_agrees(
    build: Any, agree: Any, rand: Any, interleaved: int, width: int
) -> None:
    node = make_node(
        "RotaryEmbedding", ["x", "cos", "sin", "at"], ["y"], num_heads=2,
        interleaved=interleaved, rotary_embedding_dim=width,
    )  # fmt: skip
    constants = {"cos": rand(7, (width or 6) // 2), "sin": rand(7, (width or 6) // 2, seed=1)}
    places = {"at": np.array([[0, 6, 2], [5, 5, 1]])}
    view = agree(build([node], {**constants, **places}, (2, 3, 12), opset=23))
    assert not list(view.module.parameters())


def test_a_pair_of_features_turns_by_its_angle(build: Any) -> None:
    """cos = 0.6, sin = 0.8: (5, 10) -> (0.6 * 5 - 0.8 * 10, 0.8 * 5 + 0.6 * 10)."""
    node = make_node("RotaryEmbedding", ["x", "cos", "sin"], ["y"])
    constants = {"cos": np.full((1, 1, 1), 0.6, "f4"), "sin": np.full((1, 1, 1), 0.8, "f4")}
    view = torch_view(build([node], constants, (1, 1, 1, 2), opset=23))
    y = view.outputs({"x": np.array([[[[5, 10]]]], np.float32)})["y"]
    np.testing.assert_allclose(y.reshape(-1), [-5, 10], rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "outputs", "attributes", "opset", "why"),
    [
        (["x", "k", "v"], ["y", "", "", "s"], {"qk_matmul_output_mode": 1}, 23,
         "qk_matmul_output_mode=1"),
        (["x", "k", "v", "", "", "", "n"], ["y"], {}, 24, "nonpad_kv_seqlen"),
        (["x", "k", "v"], ["y"], {"left_window_size": 1}, 25, "left_window_size"),
    ],
)  # fmt: skip
def test_what_attention_is_not_written_for_is_named(
    build: Any, rand: Any, inputs: Any, outputs: Any, attributes: Any, opset: int, why: str
) -> None:
    node = make_node("Attention", inputs, outputs, **attributes)
    constants = {"k": rand(2, 3, 5, 4), "v": rand(2, 3, 5, 4), "n": np.array([5, 2])}
    model = build([node], constants, (2, 3, 5, 4), opset=opset)
    assert blocking_operators(model) == (f"Attention({why})",)
