"""What the runtime really runs: onnxruntime's own optimised graph, read back.

An int8 file is fast only where onnxruntime has fused it into integer kernels; what it could
not fuse runs in floats behind a dequantization. The graph is taken after all fusions but
before the layout step, which renames weights and changes no arithmetic.
"""

import math
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import TensorProto

from worker.engine.graph.operators import every_node
from worker.engine.onnx_file.place import ROOT
from worker.engine.run.stored import LOWERED, Stored

FLOAT_KERNELS = {
    "Conv", "ConvTranspose", "FusedConv", "FusedGemm", "FusedMatMul", "GRU", "Gemm", "LSTM",
    "MatMul", "RNN",
}  # fmt: skip
TYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
WEIGHT_RANK = 2
ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True)
class Executed:
    """`layers`: by layer id the kernel and the type of its weights, such as `QLinearConv int8`
    or `FusedConv float32`; a layer that cannot be found again is left out.
    `float_operators`: how many kernels with weights or products still run in floats."""

    layers: dict[str, str]
    float_operators: dict[str, int]


def executed(model: onnx.ModelProto) -> Executed:
    """Open the model once and read what onnxruntime made of it.

    Layer ids are weight names of the canonical model; a lowered one stores the weight of layer
    W as W or W_quantized. Mapped tensors stay where they are, and nothing is repacked, so
    this costs little memory whatever the model's size.
    """
    optimised = _optimised(model)
    counts = Counter(node.op_type for node in every_node(optimised.graph))
    floats = {name: counts[name] for name in sorted(FLOAT_KERNELS) if counts[name]}
    return Executed(_layers(model, Stored(optimised)), floats)


def _optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(path)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(ROOT)
        )
        ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(path, load_external_data=False)


def _layers(asked: onnx.ModelProto, runs: Stored) -> dict[str, str]:
    before = Stored(asked)
    found = {}
    for name, tensor in before.tensors.items():
        if len(tensor.dims) < WEIGHT_RANK or tensor.data_type not in TYPES:
            continue
        if (reader := before.reader(name)) is None:
            continue
        layer = name.removesuffix(LOWERED)
        kept = next((n for n in (name, layer) if n in runs.tensors), None)
        kernel = _same_node(reader, runs) if kept is None else runs.reader(kept)
        if kernel is not None:
            found[layer] = f"{kernel.op_type} {_type(kernel, runs)}"
    return found


def _same_node(asked: onnx.NodeProto, runs: Stored) -> onnx.NodeProto | None:
    """The node that makes the same value, for a weight that optimisation gave a new name."""
    return next((runs.made_by[name] for name in asked.output if name in runs.made_by), None)


def _type(kernel: onnx.NodeProto, runs: Stored) -> str:
    """The type that the kernel reads its largest constant in: behind a Cast or a
    dequantization, whose constants are not the kernel's own, that is float32."""
    read = [runs.tensors[name] for name in kernel.input if name in runs.tensors]
    weights = [tensor for tensor in read if len(tensor.dims) >= WEIGHT_RANK]
    if not weights:
        return "float32"
    largest = max(weights, key=lambda tensor: math.prod(tensor.dims))
    return TYPES.get(largest.data_type, "float32")
