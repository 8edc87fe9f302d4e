"""The file that people download: the doors of the upload, and no byte that nothing reads.

Doors: names, order, element types, sizes and axis names of inputs and outputs are those of
the upload; a batch size that the upload fixed is fixed again. Dropped are recorded shapes of
inner values, doc strings, metadata, constants and operator sets that no node uses. Numbers
are stored as raw bytes: onnx's typed fields spend up to ten bytes on one negative int8. The
file format's version is the oldest that the operator sets allow, so older runtimes read it.
A model that no single file may hold becomes a tar of the graph and its external data.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx

from lathe.facts import IoSpec, TensorSpec
from lathe.outputs import OnnxOutput
from worker.engine.graph.io_spec import io_spec
from worker.engine.measure.executed import Executed, executed
from worker.engine.onnx_file.bundle import SUFFIX, read_artifact, write_bundle
from worker.engine.onnx_file.read import MOST_BYTES
from worker.engine.onnx_file.write import file_bytes, write_model
from worker.engine.run.opset import at_opset, set_format
from worker.engine.run.slim import slim
from worker.engine.session import open_session

OPENED_WHOLE_BYTES = 64 << 20  # larger files are opened with their weights mapped


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file, and what the runtime makes of it."""

    path: Path
    size_bytes: int
    sha256: str
    runs_as: Executed


def write_artifact(
    model: onnx.ModelProto, io: IoSpec, output: OnnxOutput, path: Path
) -> Written:
    """Write `model` with the doors `io` to `path`, byte for byte the same for the same model;
    what is larger than a single file may be goes to a `.tar` beside it.

    `model` itself stays as it is. Raises StepImpossible where the opset asked for cannot be
    reached. That onnxruntime loads the file is part of the promise: its error is not caught.
    """
    finished = at_opset(slim(model), output.opset)
    _set_doors(finished, io)
    set_format(finished)
    if file_bytes(finished) > MOST_BYTES:
        path = path.with_suffix(SUFFIX)
        write_bundle(finished, path)
    else:
        write_model(finished, path)
    size_bytes = path.stat().st_size
    if size_bytes <= OPENED_WHOLE_BYTES:
        open_session(path, as_deployed=True, optimise=False)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(path, size_bytes, sha256, executed(read_artifact(path)))


def _set_doors(model: onnx.ModelProto, io: IoSpec) -> None:
    """Declare the doors of the upload, in place; a name or type that differs is a bug."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for values, wanted in ((inputs, io.inputs), (model.graph.output, io.outputs)):
        for value, spec in zip(values, wanted, strict=True):
            _declare(value, spec)
    if io_spec(model) != io:
        raise RuntimeError(f"the result's doors are {io_spec(model)}, the upload's are {io}")


def _declare(value: onnx.ValueInfoProto, spec: TensorSpec) -> None:
    shape = value.type.tensor_type.shape
    shape.ClearField("dim")
    for size in spec.shape:
        match size:
            case int():
                shape.dim.add(dim_value=size)
            case str():
                shape.dim.add(dim_param=size)
            case None:
                shape.dim.add()
