"""What outputs feel, where it can be worked out."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import StepImpossible
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import sites
from worker.engine.layerwise.stages import Stages
from worker.engine.onnx_file.array import array
from worker.engine.rate.post.sensitivity import (
    _change,
    _energies,
    _shaken,
    sensitivities,
)

X = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)


def felt(model: onnx.ModelProto) -> dict[str, float]:
    found = sites(model)
    there = initializers(model)
    weights = {site.name: array(there[site.name]).astype(np.float32) for site in found}
    stages = Stages(model, found, weights, inputs_of, threads=1)
    ticks: list[None] = []
    said = sensitivities(stages, found, weights, [{"x": X}], 3, lambda: ticks.append(None))
    assert len(ticks) == len(found)
    return said


def net(node: str, **tensors: object) -> onnx.ModelProto:
    arrays = {name: np.asarray(value, np.float32) for name, value in tensors.items()}
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("MatMul", ["h", "second"], ["z"]),
        helper.make_node(node, ["z"], ["y"]),
    ]
    kind = (TensorProto.FLOAT, ["n", None])
    return made(nodes, arrays, {"x": kind}, {"y": kind})


def test_a_weight_counts_by_what_follows_it_relative_to_the_outputs() -> None:
    said = felt(net("Identity", first=np.full((2, 100), 0.5), second=np.eye(100)))
    # y is 0.5 or -0.5 a hundred times, so its energy is 50; one of the two inputs is never
    # there, so on average a unit change of a first weight adds 1 / 2 in both examples
    assert said["first"] == pytest.approx(2 * 0.5 / 50, rel=0.4)
    # a unit change of a second weight: 0.5 in both
    assert said["second"] == pytest.approx(2 * 0.25 / 50, rel=0.4)


def test_outputs_that_feel_nothing_say_so() -> None:
    said = felt(net("Sign", first=np.ones((2, 3)), second=np.ones((3, 1))))
    assert said == {"first": 0.0, "second": 0.0}


def test_answers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(StepImpossible, match="NaN or infinite"):
        felt(net("Log", first=np.ones((2, 3)), second=np.ones((3, 1))))


def test_the_noise_goes_with_the_size_of_the_weights() -> None:
    # of 3, 4, 0 and 0 the mean square is 25 / 4: n_l s^2 = 4 0.03^2 25 / 4
    weight = np.array([[3, 4], [0, 0]], np.float32)
    site = next(s for s in sites(net("Identity", first=weight, second=weight)))
    other, noise = _shaken(site, weight, np.random.default_rng(1))
    assert noise == pytest.approx(0.0009 * 25)
    assert np.sqrt(np.square(other - weight).mean()) == pytest.approx(0.075, rel=0.8)


def test_outputs_vary_around_their_mean_over_several_examples() -> None:
    outputs = {
        "several": np.float32([[1, 2], [4, 2]]),
        "one": np.float32([[3, 4]]),
        "number": np.array(3.0, np.float32),
        "still": np.zeros((2, 2), np.float32),
        "chosen": np.array([1, 5]),
    }
    assert _energies(outputs) == {"several": 4.5, "one": 25.0, "number": 9.0}


def test_a_change_is_relative_and_a_mean_over_the_outputs_that_kept_their_shape() -> None:
    before = {"a": np.float32([1, 2]), "b": np.float32([3]), "c": np.float32([1])}
    after = {"a": np.float32([4, 2]), "b": np.float32([5]), "c": np.float32([1, 1])}
    energies = {"a": 2.0, "b": 8.0, "c": 1.0}
    assert _change(before, after, energies) == (9 / 2 + 4 / 8) / 2
    assert _change(before, after, {"c": 1.0}) == 0
