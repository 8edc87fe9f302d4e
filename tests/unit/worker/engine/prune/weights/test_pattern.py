"""Where the blocks of a pattern lie, for every way that a weight can stand."""

import numpy as np
import onnx
import pytest
from onnx.helper import make_node

from tests.unit.worker.engine.prune.conftest import Build
from worker.engine.layerwise.site import Site, sites
from worker.engine.prune.weights.pattern import block_numbers, fallen, inputs, why_not


@pytest.fixture
def conv(net: Build) -> onnx.ModelProto:
    return net([make_node("Conv", ["x", "w"], ["y"])], [4, 1, 2], [1, 1, 1], w=(1, 4, 1, 2))


def only(model: onnx.ModelProto) -> Site:
    (site,) = sites(model)
    return site


def test_a_convolutions_blocks_are_inputs_at_one_place_of_the_kernel(
    conv: onnx.ModelProto,
) -> None:
    site = only(conv)
    weight = np.float32([[1, 4, 2, 3], [9, 8, 7, 10]]).T.reshape(1, 4, 1, 2)
    falls = site.tensor(fallen(site, site.matrices(weight), 2, 4))
    kept = np.where(falls, 0, weight).reshape(4, 2).T
    assert kept.tolist() == [[0, 4, 0, 3], [9, 0, 0, 10]]
    assert block_numbers(site, 2).reshape(4, 2).T.tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]


def test_a_matrix_s_blocks_are_the_inputs_of_one_output(net: Build) -> None:
    site = only(net([make_node("MatMul", ["x", "w"], ["y"])], [4], [2], w=(4, 2)))
    weight = np.float32([[1, 4, 2, 3], [9, 8, 7, 10]]).T
    kept = np.where(site.tensor(fallen(site, site.matrices(weight), 1, 2)), 0, weight).T
    assert kept.tolist() == [[0, 4, 0, 3], [9, 0, 0, 10]]
    assert block_numbers(site, 4).T.tolist() == [[0] * 4, [1] * 4]


def test_layers_that_blocks_do_not_fit_say_why(
    conv: onnx.ModelProto, mixed: onnx.ModelProto
) -> None:
    assert why_not(only(conv), 4) is None
    assert why_not(only(conv), 3) == "4 inputs are no multiple of 3"
    counts = {site.name: inputs(site) for site in sites(mixed)}
    assert counts["conv"] == 1  # of two inputs in two groups
    assert (counts["gemm"], counts["matmul"], counts["w"], counts["r"]) == (64, 48, 5, 6)
    table = next(site for site in sites(mixed) if site.name == "table")
    assert why_not(table, 5) == "where its inputs lie is not known"
