"""onnxruntime's quantizers read a file and write one; here that looks like a function."""

from collections.abc import Callable
from pathlib import Path

import onnx

PRE_PROCESSED = ("onnx.quant.pre_process", "onnxruntime.quant")


def rewritten(
    model: onnx.ModelProto, folder: Path, rewrite: Callable[[Path, Path], None]
) -> onnx.ModelProto:
    """What `rewrite(source, target)` makes of the model.

    The source is marked as pre-processed: the canonical form is optimised already, and
    onnxruntime's own pre-processing gave the same graph with nine more operator sets. The
    result's marks and recorded shapes are dropped again; both files are removed.
    """
    source, target = folder / "float.onnx", folder / "lowered.onnx"
    key, value = PRE_PROCESSED
    marked = onnx.ModelProto()
    marked.CopyFrom(model)
    marked.metadata_props.add(key=key, value=value)
    onnx.save(marked, source)
    try:
        rewrite(source, target)
        lowered = onnx.load(target)
    finally:
        source.unlink()
        target.unlink(missing_ok=True)
    del lowered.metadata_props[:]
    lowered.metadata_props.extend(model.metadata_props)
    del lowered.graph.value_info[:]
    for tensor in lowered.graph.initializer:
        tensor.ClearField("data_location")  # went through external data; it is inside again
    return lowered
