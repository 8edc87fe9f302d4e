"""One way to run ONNX: an onnxruntime session on the CPU, from a model or a file of our own."""

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime as ort

from worker.engine.context import Arrays
from worker.engine.onnx_file.bundle import SUFFIX, read_artifact
from worker.engine.onnx_file.place import ROOT, mapped_bytes
from worker.engine.onnx_file.read import MOST_BYTES

FATAL_ONLY = 4  # of onnxruntime's log severities: an error is raised, so not logged as well
IN_PLACE_BYTES = 512 << 20  # mapped weights above this are used where they lie, not repacked


def open_session(
    model: onnx.ModelProto | Path | bytes,
    *,
    threads: int = 1,
    optimise: bool = True,
    as_deployed: bool = False,
    entries: Mapping[str, str] | None = None,
) -> ort.InferenceSession:
    """A CPU session with `threads` compute threads and all graph optimisations, or none.

    Large tensors are mapped, not read. Without optimisations they are also used as they lie in
    the file, and a model with more than 512 MiB of them always is: the runtime's repacked
    copies would double them in memory. `as_deployed` is the way users open a file: the
    runtime reads it itself if it is of at most 2 GiB, optimises and repacks, whatever memory
    that takes. `entries` are further settings of the session. A path must be a file that
    Lathe wrote: onnxruntime reads whatever an uploaded file's external data points at, hard
    links included.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL_ONLY
    for key, value in (entries or {}).items():
        options.add_session_config_entry(key, value)
    source = _source(model, as_deployed=as_deployed)
    if isinstance(source, onnx.ModelProto):
        large_bytes = mapped_bytes(source)
        if large_bytes:
            options.add_session_config_entry(
                "session.model_external_initializers_file_folder_path", str(ROOT)
            )
        if large_bytes > IN_PLACE_BYTES and not as_deployed:
            optimise = False
        source = source.SerializeToString()
    if not optimise:
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_mem_pattern = False  # it sets aside as much again as the weights take
        options.enable_cpu_mem_arena = False  # what a run took goes back after it
    options.graph_optimization_level = (
        ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        if optimise
        else ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _source(
    model: onnx.ModelProto | Path | bytes, *, as_deployed: bool
) -> onnx.ModelProto | bytes | str:
    if not isinstance(model, Path):
        return model
    if as_deployed and model.suffix != SUFFIX and model.stat().st_size <= MOST_BYTES:
        return str(model)
    return read_artifact(model)


def run(session: ort.InferenceSession, inputs: Arrays) -> Arrays:
    """Every output by its name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
