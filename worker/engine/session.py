"""One way to run ONNX: an onnxruntime session on the CPU, from bytes or a file of our own."""

from pathlib import Path

import onnx
import onnxruntime as ort

from worker.engine.context import Arrays

FATAL_ONLY = 4  # of onnxruntime's log severities: an error is raised, so not logged as well


def open_session(
    model: onnx.ModelProto | Path | bytes, *, threads: int = 1, optimise: bool = True
) -> ort.InferenceSession:
    """A CPU session with `threads` compute threads and all graph optimisations, or none.

    A path must be a file that Lathe wrote: onnxruntime reads whatever an uploaded file's
    external data points at, hard links included.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = (
        ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        if optimise
        else ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    match model:
        case onnx.ModelProto():
            source: str | bytes = model.SerializeToString()
        case Path():
            source = str(model)
        case _:
            source = model
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(session: ort.InferenceSession, inputs: Arrays) -> Arrays:
    """Every output by its name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
