"""A made-up transformer of any size, as exporters upload one: a zip of graph and weights.

Token embeddings, blocks of multi-head attention and a GELU network with residuals and layer
norms in front of both, then mean pooling and a classifier. The weights are seeded noise, so
that the network answers with sensible numbers and compresses like a real one.
"""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, CLASSES, HEAD_WIDTH = 8192, 16, 64
MODEL, WEIGHTS = "model.onnx", "model.onnx.data"
OPSET = 18
FLOAT_BYTES = 4
NOISE_ELEMENTS = 1_000_003  # a prime: no two rows of a matrix repeat each other
ALIGNMENT_BYTES = 4096
SEED = 20_611

Shape = tuple[int, ...]


def large_model(folder: Path, weight_bytes: int, *, width: int = 2048) -> Path:
    """Write `folder`/large.zip, stored and not packed, with as many blocks as it takes to hold
    at least `weight_bytes` of float32 weights; returns its path.

    Input "tokens" (batch, length) int64 below 8192, output "scores" (batch, 16). A block of
    width 2048 takes 201 MB, its largest matrix 67 MB.
    """
    block_bytes = 12 * width * width * FLOAT_BYTES
    embedded_bytes = VOCABULARY * width * FLOAT_BYTES
    blocks = max(1, -(-(weight_bytes - embedded_bytes) // block_bytes))
    net = _Net(width)
    net.build(blocks)
    path = folder / "large.zip"
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        archive.writestr(MODEL, net.model().SerializeToString())
        with archive.open(WEIGHTS, "w", force_zip64=True) as file:
            for part in net.weights():
                file.write(part)
    return path


class _Net:
    """A graph in the making and the order in which its weights lie in their file."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.shapes: list[Shape] = []
        self.end_bytes = 0

    def build(self, blocks: int) -> None:
        """The whole network."""
        self.constant("heads", np.array([0, 0, -1, HEAD_WIDTH], np.int64))
        self.constant("merged", np.array([0, 0, -1], np.int64))
        self.constant("sqrt_2", np.array(math.sqrt(2), np.float32))
        self.constant("half", np.array(0.5, np.float32))
        self.constant("one", np.array(1, np.float32))
        self.constant("scale", np.array(HEAD_WIDTH**-0.5, np.float32))
        x = self.node(
            "Gather", self.weight("embedding.weight", VOCABULARY, self.width), "tokens"
        )
        for block in range(blocks):
            x = self.block(f"blocks.{block}", x)
        self.constant("length_axis", np.array([1], np.int64))
        pooled = self.node("ReduceMean", self.norm("norm", x), "length_axis", keepdims=0)
        weight = self.weight("classifier.weight", CLASSES, self.width)
        bias = self.constant("classifier.bias", np.zeros(CLASSES, np.float32))
        self.node("Gemm", pooled, weight, bias, output="scores", transB=1)

    def block(self, name: str, x: str) -> str:
        """Attention, then the network of four times the width."""
        h = self.norm(f"{name}.norm1", x)
        q, k, v = (
            self.node("Reshape", self.linear(f"{name}.{part}", h, self.width), "heads")
            for part in ("query", "key", "value")
        )
        q = self.node("Transpose", q, perm=[0, 2, 1, 3])
        k = self.node("Transpose", k, perm=[0, 2, 3, 1])
        v = self.node("Transpose", v, perm=[0, 2, 1, 3])
        scores = self.node("Mul", self.node("MatMul", q, k), "scale")
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        mixed = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, "merged")
        x = self.node("Add", x, self.linear(f"{name}.out", mixed, self.width))
        h = self.linear(f"{name}.up", self.norm(f"{name}.norm2", x), 4 * self.width)
        cdf = self.node("Add", self.node("Erf", self.node("Div", h, "sqrt_2")), "one")
        h = self.node("Mul", self.node("Mul", h, cdf), "half")
        return self.node("Add", x, self.linear(f"{name}.down", h, self.width, 4 * self.width))

    def norm(self, name: str, x: str) -> str:
        """Layer normalisation that starts as the identity."""
        scale = self.constant(f"{name}.weight", np.ones(self.width, np.float32))
        shift = self.constant(f"{name}.bias", np.zeros(self.width, np.float32))
        return self.node("LayerNormalization", x, scale, shift)

    def linear(self, name: str, x: str, out: int, width: int | None = None) -> str:
        """The product with a weight of its own, and a bias."""
        product = self.node(
            "MatMul", x, self.weight(f"{name}.weight", width or self.width, out)
        )
        bias = self.constant(f"{name}.bias", np.zeros(out, np.float32))
        return self.node("Add", product, bias)

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """One node; the name of its output."""
        made = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [made], made, **attributes))
        return made

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """A small tensor inside the graph."""
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        """A large tensor beside the graph."""
        size_bytes = math.prod(shape) * FLOAT_BYTES
        tensor = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=shape,
            data_location=TensorProto.EXTERNAL,
        )
        begin = self.end_bytes
        for key, value in (("location", WEIGHTS), ("offset", begin), ("length", size_bytes)):
            tensor.external_data.add(key=key, value=str(value))
        self.tensors.append(tensor)
        self.shapes.append(shape)
        self.end_bytes = begin + size_bytes + -size_bytes % ALIGNMENT_BYTES
        return name

    def model(self) -> onnx.ModelProto:
        """The graph, its large tensors named only."""
        graph = helper.make_graph(
            self.nodes,
            "large",
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
            self.tensors,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=10)

    def weights(self) -> Iterator[bytes]:
        """The data file in order: noise of variance 1 / rows, each tensor at multiples of
        4096 bytes."""
        noise = np.random.default_rng(SEED).standard_normal(NOISE_ELEMENTS, np.float32)
        at = 0
        for rows, columns in self.shapes:
            scaled = noise * np.float32(1 / math.sqrt(min(rows, 4 * self.width)))
            left = rows * columns
            while left:
                part = scaled[at : at + left]
                yield part.tobytes()
                left -= part.size
                at = (at + part.size) % NOISE_ELEMENTS
            yield b"\0" * (-rows * columns * FLOAT_BYTES % ALIGNMENT_BYTES)
