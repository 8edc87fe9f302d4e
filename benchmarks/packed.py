"""Packed files: exact on 1,000 random graphs; how small a graph gets, how fast it all is.

    make bench-packed [ARGS="--graphs 1000"]

The graphs are those of tests/fuzz/random_graphs.py; the speed is that of 12 million weights on
grids of 2.5 bits, one thread, CPU seconds of the process. Exits 1 when a line is missed.
"""

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from benchmarks.harness import Line, conclude
from lathe.packed import Limits, unpack
from lathe.packed.unpack import unpack_into
from tests.fuzz.crafted import plainly_packed
from tests.fuzz.random_graphs import random_onnx
from worker.engine.encode.pack import pack
from worker.engine.measure.environment import environment

MIXED_EVERY = 20  # graphs: their heads go through the mixer, at a tenth of a second each
LAYERS = 20
MB = 1e6


def main() -> int:
    """Run every part and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lathe-packed-") as scratch:
        folder = Path(scratch)
        exact = sum(_exact(seed, folder) for seed in range(asked.graphs))
        lines = [Line("random graphs that came back", exact, asked.graphs, at_least=True)]
        lines += _small_net(folder)
        lines += _speed(folder)
    return conclude("packed", lines, environment(threads=1, device="cpu", seed=0))


def _exact(seed: int, folder: Path) -> bool:
    data = random_onnx(seed)
    if seed % MIXED_EVERY:
        back = io.BytesIO()
        unpack_into(plainly_packed(data, "small" if seed % 2 else "fast"), back, Limits())
        return back.getvalue() == data
    source, packed, target = (folder / name for name in ("a.onnx", "a.packed", "b.onnx"))
    source.write_bytes(data)
    pack(source, packed, hints={}, profile="small")
    unpack(packed, target)
    return target.read_bytes() == data


def _small_net(folder: Path) -> list[Line]:
    """What of a LeNet-5 is not weights."""
    model = onnx.load(Path(__file__).parent.parent / "examples" / "mnist" / "lenet5.onnx")
    model.graph.ClearField("value_info")  # as in every artifact
    rng = np.random.default_rng(2)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(_on_grid(rng, tensor.name, tuple(tensor.dims), 0.25, None))
    source = folder / "lenet5.onnx"
    source.write_bytes(model.SerializeToString(deterministic=True))
    report = pack(source, folder / "lenet5.packed", hints={}, profile="fast")
    around = report.header_bytes + report.head_bytes
    return [Line("LeNet-5: bytes that are not weights", around, 300, at_least=False)]


def _speed(folder: Path) -> list[Line]:
    source, packed, target = (folder / name for name in ("c.onnx", "c.packed", "d.onnx"))
    source.write_bytes(_dense())
    size_bytes = source.stat().st_size
    began = time.process_time()
    pack(source, packed, hints={}, profile="fast")
    encoded = time.process_time() - began
    seconds = []
    for _ in range(3):
        began = time.process_time()
        unpack(packed, target)
        seconds.append(time.process_time() - began)
    ratio = size_bytes / packed.stat().st_size
    print(
        f"{size_bytes / MB:.0f} MB, packed {ratio:.2f} times smaller in {encoded:.1f} s of CPU"
    )
    return [
        Line("decoding, fast: MB/s of fp32", size_bytes / MB / min(seconds), 20, at_least=True),
        Line("2.5-bit weights: times smaller", ratio, 9.5, at_least=True),
    ]


def _dense() -> bytes:
    rng = np.random.default_rng(1)
    weights = [
        _on_grid(rng, f"layer.{i}.weight", [(384, 1536), (1536, 384)][i % 2], 0.9, 0)
        for i in range(LAYERS)
    ]
    nodes = [
        helper.make_node("MatMul", [f"x{i}", f"layer.{i}.weight"], [f"x{i + 1}"])
        for i in range(LAYERS)
    ]
    graph = helper.make_graph(nodes, "dense", [], [], weights)
    data: bytes = helper.make_model(graph).SerializeToString(deterministic=True)
    return data


def _on_grid(
    rng: np.random.Generator, name: str, dims: tuple[int, ...], spread: float, axis: int | None
) -> onnx.TensorProto:
    """Whole multiples of bfloat16 steps: one, or one for each index of an axis."""
    codes = np.rint(rng.laplace(0, spread, dims)).astype(np.float32)
    count = 1 if axis is None else dims[axis]
    steps = rng.uniform(0.01, 0.02, count).astype(np.float32).view(np.uint32) & 0xFFFF0000
    shape = [1] * len(dims)
    if axis is not None:
        shape[axis] = count
    values = codes * steps.astype(np.uint32).view(np.float32).reshape(shape)
    return numpy_helper.from_array(values + np.float32(0), name)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
