"""At full rank a row computes what its layer did, whatever the attributes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from lathe.techniques.decompose import DecomposeCp, DecomposeSvd, DecomposeTucker
from tests.unit.worker.engine.decompose.lone import Floats, Lone, some
from worker.engine.decompose.by_cp import ByCp
from worker.engine.decompose.by_svd import BySvd
from worker.engine.decompose.by_tucker import ByTucker
from worker.engine.decompose.cp import fit
from worker.engine.decompose.row import Method
from worker.engine.decompose.shelf import Shelf
from worker.engine.graph.macs import macs

KERNELS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({}, (3, 2)),
    ({"strides": [2, 3], "pads": [1, 0, 2, 1]}, (3, 2)),
    ({"dilations": [2, 1], "pads": [2, 1, 0, 1]}, (2, 3)),
    ({"auto_pad": "SAME_UPPER", "strides": [2, 3]}, (3, 2)),
    ({"auto_pad": "SAME_LOWER"}, (2, 3)),
    ({"auto_pad": "VALID", "strides": [1, 2]}, (3, 3)),
    ({"strides": [2, 1], "pads": [1, 1, 0, 2]}, (1, 3)),
    ({"strides": [1, 2], "pads": [0, 1, 1, 0]}, (3, 1)),
    ({"strides": [2], "pads": [2, 0], "dilations": [2]}, (3,)),
    ({"strides": [1, 2, 2], "pads": [1, 0, 1, 0, 1, 0]}, (2, 3, 2)),
]
SIDES = (9, 8, 6)


def conv(
    kernel: tuple[int, ...], groups: int = 1, w: Floats | None = None, **attributes: Any
) -> Lone:
    """Four input channels, six output channels, and a bias."""
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "c", group=groups, **attributes)
    x = some(2, 4, *SIDES[: len(kernel)], seed=3)
    return Lone(node, some(6, 4 // groups, *kernel) if w is None else w, x, b=some(6, seed=4))


def svd(kernels: str, folder: Path) -> BySvd:
    return BySvd(DecomposeSvd.model_validate({"kernels": kernels}), Shelf(folder), {})


def same(lone: Lone, method: Method, folder: Path) -> onnx.ModelProto:
    model = lone.swapped(method, method.most(lone.layer), folder)
    assert np.allclose(lone.outputs(model), lone.outputs(), atol=1e-5)
    ranks = np.array([method.most(lone.layer)])
    assert lone.layer.macs == macs(lone.model)
    assert lone.layer.row_macs(method.sizes(lone.layer, ranks)) == [macs(model)]
    return model


@pytest.mark.parametrize(("attributes", "kernel"), KERNELS)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernels", ["spatial", "channels"])
def test_two_layers_of_full_rank_convolve_alike(
    attributes: dict[str, Any],
    kernel: tuple[int, ...],
    groups: int,
    kernels: str,
    tmp_path: Path,
) -> None:
    same(conv(kernel, groups, **attributes), svd(kernels, tmp_path), tmp_path)


@pytest.mark.parametrize(("attributes", "kernel"), KERNELS)
def test_tucker_of_full_rank_convolves_alike(
    attributes: dict[str, Any], kernel: tuple[int, ...], tmp_path: Path
) -> None:
    lone = conv(kernel, **attributes)
    tucker = ByTucker(DecomposeTucker(), Shelf(tmp_path))
    assert len(same(lone, tucker, tmp_path).graph.node) == 1  # nothing but the core is left
    assert len(lone.swapped(tucker, (6, 3), tmp_path).graph.node) == 2


def test_ranks_of_many_channels_are_some_of_them() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    lone = Lone(node, some(300, 5, 3, 3), some(1, 5, 3, 3))
    for step, outputs in ((1, [3, 6, 9, 297, 300]), (4, [4, 8, 12, 296, 300])):
        tucker = ByTucker(DecomposeTucker(round_to=step), Shelf(Path()))
        ranks = tucker.ranks(lone.layer)
        found = sorted({int(rank) for rank in ranks[:, 0]})
        assert [*found[:3], *found[-2:]] == outputs
        assert sorted({int(r) for r in ranks[:, 1]}) == (
            [1, 2, 3, 4, 5] if step == 1 else [4, 5]
        )
        assert len(ranks) == len(found) * (5 if step == 1 else 2)


@pytest.mark.parametrize(("attributes", "kernel"), KERNELS)
def test_cp_convolves_with_the_sum_that_was_fitted(
    attributes: dict[str, Any], kernel: tuple[int, ...], tmp_path: Path
) -> None:
    lone, cp = conv(kernel, **attributes), ByCp(DecomposeCp(iterations=5), seed=0)
    model = lone.swapped(cp, (3,), tmp_path)
    factors = fit(lone.w.astype(np.float64), 3, 5, seed=0).factors
    axes = "oiabc"[: len(factors)]
    fitted = np.einsum(",".join(f"{a}r" for a in axes) + f"->{axes}", *factors)
    wanted = conv(kernel, w=fitted.astype(np.float32), **attributes).outputs()
    assert np.allclose(lone.outputs(model), wanted, atol=1e-4)
    assert len(model.graph.node) == 2 + sum(size > 1 for size in kernel)
    assert lone.layer.row_macs(cp.sizes(lone.layer, np.array([[3]]))) == [macs(model)]
