import copy
from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from lathe.errors import StepImpossible
from worker.engine.view import blocking_operators, forward, torch_view


def test_every_operator_without_a_form_is_named_once_and_refused(build: Any, rand: Any) -> None:
    nodes = [
        make_node("Det", ["x"], ["d"]),
        make_node("NonZero", ["d"], ["n"]),
        make_node("Conv", ["x", "w"], ["c"]),
        make_node("MaxPool", ["c"], ["p", "i"], kernel_shape=[2, 2]),
        make_node("NonZero", ["p"], ["y"]),
    ]
    model = build(nodes, {"w": rand(4, 3, 3, 3)}, ("batch", 3, 8, 8), made=7)
    assert blocking_operators(model) == ("Det", "MaxPool(Indices)", "NonZero")
    with pytest.raises(StepImpossible, match=r"Det, MaxPool\(Indices\), NonZero"):
        torch_view(model)


def test_another_domain_is_written_before_its_operator(build: Any) -> None:
    model = build([make_node("Relu", ["x"], ["y"])])
    model.graph.node[0].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)
    assert blocking_operators(model) == ("com.example::Relu",)


def test_inputs_and_outputs_go_by_their_names(build: Any, rand: Any) -> None:
    nodes = [make_node("Sub", ["x", "input.2"], ["a"]), make_node("Neg", ["a"], ["b/0"])]
    model = build(
        nodes, {}, ("batch", 2), outputs=("b/0", "a"), more={"input.2": (1, ("batch", 2))}
    )
    view: Any = torch_view(model)
    given = {"input.2": torch.tensor([[1.0, 5.0]]), "x": torch.tensor([[4.0, 7.0]])}
    found = {name: y.tolist() for name, y in forward(view, given).items()}
    assert found == {"b/0": [[-3.0, -2.0]], "a": [[3.0, 2.0]]}
    assert (view.input_names, view.output_names) == (("x", "input.2"), ("b/0", "a"))


def test_the_layers_before_the_outputs_are_known(build: Any, rand: Any) -> None:
    nodes = [
        make_node("Gather", ["words", "x"], ["e"]),
        make_node("MatMul", ["e", "first"], ["a"]),
        make_node("Add", ["a", "shift"], ["s"]),
        make_node("Relu", ["s"], ["r"]),
        make_node("MatMul", ["r", "left"], ["l"]),
        make_node("MatMul", ["r", "right"], ["g"]),
        make_node("Sigmoid", ["g"], ["y"]),
    ]
    constants = {"words": rand(9, 4), "first": rand(4, 4), "left": rand(4, 2)}
    more = {"right": rand(4, 3), "shift": rand(7, 4)}
    model = build(nodes, {**constants, **more}, ("batch", 7), kind=7, outputs=("l", "y"))
    view: Any = torch_view(model)
    assert view.output_modules() == ("left", "right")
    assert list(view.free_parameters()) == ["free_shift"]
    assert view.layers == {n: n for n in ("words", "first", "left", "right")}


def test_a_copy_trains_alone(build: Any, rand: Any) -> None:
    model = build([make_node("MatMul", ["x", "w"], ["y"])], {"w": rand(4, 2)}, ("batch", 4))
    view: Any = torch_view(model)
    twin = copy.deepcopy(view)
    with torch.no_grad():
        twin.module.w.weight.zero_()
    x = rand(3, 4)
    np.testing.assert_allclose(view.outputs({"x": x})["y"], x @ rand(4, 2), rtol=1e-5)
    assert not twin.outputs({"x": x})["y"].any()


def test_names_that_python_cannot_hold_become_paths(build: Any, rand: Any) -> None:
    nodes = [make_node("MatMul", ["x", "2.a-b.weight"], ["forward"])]
    model = build(nodes, {"2.a-b.weight": rand(4, 2)}, ("batch", 4), outputs=("forward",))
    assert torch_view(model).layers == {"2.a-b.weight": "n_2_a_b"}
