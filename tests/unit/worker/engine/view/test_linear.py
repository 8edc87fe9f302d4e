from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node
from torch import nn


@pytest.mark.parametrize("turned", [0, 1])
def test_gemm_is_a_linear_whichever_way_its_weight_lies(
    build: Any, agree: Any, rand: Any, turned: int
) -> None:
    shape = (4, 5) if turned else (5, 4)
    gemm = make_node("Gemm", ["x", "fc.weight", "fc.bias"], ["y"], transB=turned)
    view = agree(build([gemm], {"fc.weight": rand(*shape), "fc.bias": rand(4)}, ("batch", 5)))
    assert isinstance(view.module.fc, nn.Linear)
    assert view.module.fc.weight.shape == (4, 5)


@pytest.mark.parametrize(
    ("bias", "attributes"),
    [
        ((1, 4), {}),
        ((1,), {}),
        ((4,), {"alpha": 0.5, "beta": 3.0}),
        ((4,), {"transA": 1}),
    ],
)
def test_gemm_agrees_with_every_bias_and_factor(
    build: Any, agree: Any, rand: Any, bias: Any, attributes: Any
) -> None:
    gemm = make_node("Gemm", ["x", "w", "b"], ["y"], **attributes)
    x = (5, "batch") if "transA" in attributes else ("batch", 5)
    agree(build([gemm], {"w": rand(5, 4), "b": rand(*bias) + 1}, x), batch=5)


def test_a_matmul_and_the_vector_added_to_it_are_one_linear(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [make_node("MatMul", ["x", "w"], ["a"]), make_node("Add", ["b", "a"], ["y"])]
    view = agree(build(nodes, {"w": rand(5, 4), "b": rand(4)}, ("batch", "time", 5)))
    assert view.layers == {"w": "w"}
    assert view.free_parameters() == {}
    assert len(list(view.module.graph.nodes)) == 3  # input, Linear, output


def test_a_product_that_is_read_twice_keeps_its_add(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("MatMul", ["x", "w"], ["a"]),
        make_node("Add", ["a", "b"], ["c"]),
        make_node("Mul", ["a", "c"], ["y"]),
    ]
    view = agree(build(nodes, {"w": rand(5, 4), "b": rand(4)}, ("batch", 5)))
    assert list(view.free_parameters()) == ["free_b"]


def test_a_weight_that_the_graph_transposes_is_the_linear_s_own(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        make_node("MatMul", ["x", "wt"], ["y"]),
    ]
    view = agree(build(nodes, {"w": rand(4, 5)}, ("batch", 5)))
    assert isinstance(view.module.w, nn.Linear)


def test_a_table_that_is_embedding_and_output_layer_is_one_parameter(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Gather", ["e", "x"], ["a"]),
        make_node("Transpose", ["e"], ["et"], perm=[1, 0]),
        make_node("MatMul", ["a", "et"], ["y"]),
    ]
    model = build(nodes, {"e": rand(7, 4)}, ("batch", 6), kind=7)
    view = agree(model)
    assert view.layers == {"e": "free_e"}
    (parameter,) = view.module.parameters()
    ids = torch.tensor([[0, 2, 6, 3, 1, 2]])
    view.forward({"x": ids})["y"].sum().backward()
    assert parameter.grad is not None
    assert np.count_nonzero(parameter.grad.numpy().any(1)) == 7  # every row, as output layer


def test_products_of_two_tensors_and_einsum_agree(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        make_node("MatMul", ["x", "t"], ["a"]),
        make_node("Einsum", ["a", "x"], ["b"], equation="b i j , b j k -> b i k"),
        make_node("MatMul", ["w", "b"], ["y"]),
    ]
    agree(build(nodes, {"w": rand(2, 5)}, ("batch", 5, 3)))
