"""A made-up data set of any size, as .npz and as .safetensors, written piece by piece.

Images whose brightness tells their class, so that there is something to learn: class c of 4
is noise around 40 + 50 c.
"""

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.lib import format as npy
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIDE, CLASSES = 3, 256, 4
IMAGE_BYTES = CHANNELS * SIDE * SIDE
PATCH = 16
SEED = 5
Format = Literal["npz", "safetensors"]


def large_data(path: Path, kind: Format, images: int) -> None:
    """Write `train/image` (images, 3, 256, 256) uint8 and `train/label` (images,) int64."""
    labels = np.arange(images, dtype=np.int64) % CLASSES
    shape = (images, CHANNELS, SIDE, SIDE)
    if kind == "npz":
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            with archive.open("train/label.npy", "w") as member:
                npy.write_array(member, labels)
            with archive.open("train/image.npy", "w", force_zip64=True) as member:
                declared = {"descr": "|u1", "fortran_order": False, "shape": shape}
                npy.write_array_header_2_0(member, declared)
                for image in _images(labels):
                    member.write(image)
        return
    label_bytes, image_bytes = 8 * images, images * IMAGE_BYTES
    header = json.dumps(
        {
            "train/label": {
                "dtype": "I64",
                "shape": [images],
                "data_offsets": [0, label_bytes],
            },
            "train/image": {
                "dtype": "U8",
                "shape": list(shape),
                "data_offsets": [label_bytes, label_bytes + image_bytes],
            },
        }
    ).encode()
    with path.open("xb") as file:
        file.write(struct.pack("<Q", len(header)) + header + labels.tobytes())
        for image in _images(labels):
            file.write(image)


def small_net(path: Path) -> None:
    """`image` (batch, 3, 256, 256) float32 to `scores` (batch, 4): one convolution over patches
    of 16 x 16, their mean, and a linear layer."""
    draw = np.random.default_rng(SEED)
    weights = {
        "conv.weight": draw.normal(0, 0.03, (4, CHANNELS, PATCH, PATCH)),
        "fc.weight": draw.normal(0, 0.5, (CLASSES, 4)),
        "fc.bias": np.zeros(CLASSES),
    }
    strides = [PATCH, PATCH]
    nodes = [
        helper.make_node("Conv", ["image", "conv.weight"], ["patches"], strides=strides),
        helper.make_node("GlobalAveragePool", ["patches"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["scores"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [_float("image", ["batch", CHANNELS, SIDE, SIDE])],
        [_float("scores", ["batch", CLASSES])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)


def _images(labels: NDArray[np.int64]) -> Iterator[bytes]:
    noise = np.random.default_rng(SEED).integers(0, 40, IMAGE_BYTES, dtype=np.uint8)
    classes = [(noise + np.uint8(40 + 50 * c)).tobytes() for c in range(CLASSES)]
    for label in labels:
        yield classes[label]


def _float(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
