"""Which weights are found, and that rows and columns are those of the layer."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.layerwise.site import Site, sites


def by_name(model: onnx.ModelProto) -> dict[str, Site]:
    return {site.name: site for site in sites(model)}


def test_every_weight_of_a_layer_is_found_with_its_form(mixed: onnx.ModelProto) -> None:
    found = by_name(mixed)
    assert {name: (site.form, site.groups) for name, site in found.items()} == {
        "conv": ("convolution", 2),
        "gemm": ("rows", 1),
        "table": ("plain", 1),
        "w": ("recurrent", 2),
        "r": ("recurrent", 2),
        "matmul": ("columns", 1),
    }
    assert [found[name].first for name in ("conv", "gemm", "r")] == [0, 3, 6]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv", (2, 2, 6)),
        ("gemm", (1, 3, 64)),
        ("table", (1, 11, 5)),
        ("w", (2, 24, 5)),
        ("matmul", (1, 3, 48)),
    ],
)
def test_matrices_have_a_row_for_each_output_and_come_back(
    mixed: onnx.ModelProto, name: str, shape: tuple[int, ...]
) -> None:
    site = by_name(mixed)[name]
    weight = np.arange(site.elements, dtype=np.float32).reshape(site.shape)
    matrices = site.matrices(weight)
    assert matrices.shape == shape
    assert np.array_equal(site.tensor(matrices), weight)


def test_a_table_that_is_also_an_output_layer_has_no_inputs_of_one_kind() -> None:
    table = np.ones((7, 4), np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "words"], ["e"]),
        helper.make_node("Gemm", ["e", "table"], ["y"], transB=1),
    ]
    model = made(
        nodes,
        {"table": table},
        {"words": (TensorProto.INT64, ["n"])},
        {"y": (TensorProto.FLOAT, ["n", 7])},
    )
    (site,) = sites(model)
    assert (site.form, len(site.readers)) == ("plain", 2)


def test_a_weight_that_something_else_reads_or_that_is_an_output_is_none() -> None:
    weight = np.ones((3, 3), np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "read"], ["a"]),
        helper.make_node("Mul", ["a", "read"], ["b"]),
        helper.make_node("MatMul", ["b", "shown"], ["y"]),
    ]
    model = made(
        nodes,
        {"read": weight, "shown": weight},
        {"x": (TensorProto.FLOAT, [3, 3])},
        {"y": (TensorProto.FLOAT, [3, 3]), "shown": (TensorProto.FLOAT, [3, 3])},
    )
    assert sites(model) == ()
