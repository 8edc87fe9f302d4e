"""One layer alone: its row of factors, and what onnxruntime makes of both."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.checkpoint import Checkpoint
from worker.engine.decompose.layer import Layer, decomposable
from worker.engine.decompose.row import Method, Ranks
from worker.engine.decompose.swap import Swap
from worker.engine.layerwise.site import sites
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run

Floats = NDArray[np.float32]


class Lone:
    """`node` reads "x" and the weight "w" (and whatever else is in `more`), and makes "y"."""

    def __init__(self, node: onnx.NodeProto, w: Floats, x: Floats, **more: Floats) -> None:
        rank = 2 if node.op_type == "Gemm" else x.ndim
        self.x, self.w = x, w
        self.model = made(
            [node],
            {"w": w, **more},
            {"x": (TensorProto.FLOAT, x.shape)},
            {"y": (TensorProto.FLOAT, [None] * rank)},
        )

    @property
    def layer(self) -> Layer:
        (found,), _ = decomposable(Checkpoint(self.model), ())
        return found

    def swapped(self, method: Method, rank: Ranks, folder: Path) -> onnx.ModelProto:
        """The model with the row of this rank."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        row = method.row(self.layer, self.w, rank)
        with Spill(folder / f"spill{rank}") as spill:
            swap = Swap(model, spill)
            (site,) = sites(model)
            swap.put(site, row.factors)
            swap.finish()
        onnx.checker.check_model(model, full_check=True)
        return model

    def outputs(self, model: onnx.ModelProto | None = None) -> Floats:
        return np.asarray(run(open_session(model or self.model), {"x": self.x})["y"])


def weights(model: onnx.ModelProto) -> dict[str, Floats]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def some(*shape: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
