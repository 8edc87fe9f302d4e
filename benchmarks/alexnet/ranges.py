"""The ranges that a person would write into the job: what the dense net was seen to put out."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.deep_compression.steps import Steps
from lathe.facts import Transform

LAYERS = ("Conv", "Gemm")
IMAGE = "image"


def ranges(model: Path, images: NDArray[np.generic], pixels: Transform) -> Steps:
    """Of the image what a pixel can be; of each layer's output, behind its Relu where it has
    one, the least and the largest value on `images` (n, 3, side, side)."""
    net = onnx.load(model)
    relus = {node.input[0]: node.output[0] for node in net.graph.node if node.op_type == "Relu"}
    seen = {
        node.input[1]: relus.get(node.output[0], node.output[0])
        for node in net.graph.node
        if node.op_type in LAYERS
    }
    there = {value.name for value in net.graph.output}
    added = (name for name in seen.values() if name not in there)
    net.graph.output.extend(onnx.ValueInfoProto(name=name) for name in added)
    session = ort.InferenceSession(net.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = session.run(list(seen.values()), {IMAGE: images})
    found = {
        layer: (float(answer.min()), float(answer.max()))
        for layer, answer in zip(seen, answers, strict=True)
    }
    ends = {IMAGE: pixel_range(pixels), **found}
    return [
        {"of": name, "low": min(low, 0.0), "high": max(high, 0.0)}
        for name, (low, high) in ends.items()
    ]


def pixel_range(pixels: Transform) -> tuple[float, float]:
    """What bytes become: (0 - mean) / std and (255 scale - mean) / std, in any channel."""
    channels = list(zip(pixels.mean, pixels.std, strict=True))
    low = min((0 - mean) / std for mean, std in channels)
    return low, max((255 * pixels.scale - mean) / std for mean, std in channels)
