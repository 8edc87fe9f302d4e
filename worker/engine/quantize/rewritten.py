"""onnxruntime's quantizers read a file and write one; here that looks like a function."""

import errno
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import onnx
from google.protobuf.message import (  # type: ignore[import-untyped] # no stubs
    DecodeError,
)

from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import write_model
from worker.engine.quantize.original import Original
from worker.engine.quantize.refill import Blank, refill
from worker.engine.quantize.row_biases import row_biases
from worker.engine.quantize.stand_ins import stand_ins

PRE_PROCESSED = ("onnx.quant.pre_process", "onnxruntime.quant")


def rewritten(
    model: onnx.ModelProto,
    folder: Path,
    rewrite: Callable[[Path, Path], None],
    operators: Collection[str],
    *,
    turned: Mapping[str, Original] | None = None,
    blank: Blank | None = None,
) -> onnx.ModelProto:
    """What `rewrite(source, target)` makes of the model.

    It quantizes the constants of `operators`, large ones from stand-ins, so it never loads
    them; `blank` ones where nothing but the integers depends on a weight's grid. `turned` is
    what `upright` had turned.

    The source is marked as pre-processed: the canonical form is optimised already, and
    onnxruntime's own pre-processing gave the same graph with nine more operator sets. The
    result's marks and recorded shapes are dropped again. Its large tensors lie in `folder`,
    which must outlive it; where it has none, no file stays. Raises OSError with ENOSPC where
    the disk became full under the quantizer.
    """
    own = Path(tempfile.mkdtemp(dir=folder))
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    row_biases(shown)
    hidden = stand_ins(shown, operators, turned or {}, blank=blank is not None)
    key, value = PRE_PROCESSED
    shown.metadata_props.add(key=key, value=value)
    source, target = own / "float.onnx", own / "lowered.onnx"
    write_model(shown, source)
    try:
        rewrite(source, target)
    except DecodeError as error:
        if cut_short := _cut_short(source):
            raise OSError(errno.ENOSPC, "the disk is full", str(cut_short)) from error
        raise
    source.unlink()
    lowered = read_model(target)
    del lowered.metadata_props[:]
    lowered.metadata_props.extend(model.metadata_props)
    del lowered.graph.value_info[:]
    for tensor in lowered.graph.initializer:
        if not tensor.external_data:
            tensor.ClearField("data_location")  # went through external data; it is inside again
    with Spill(own / "tensors") as spill:
        refill(lowered, hidden, spill, blank)
    if not any(is_mapped(tensor) for tensor in lowered.graph.initializer):
        shutil.rmtree(own)
    return lowered


def _cut_short(source: Path) -> Path | None:
    """A scratch copy beside `source` that lacks its end, if there is one. Shape inference
    writes such a copy, which only adds to the model, and does not look whether the disk took
    all of it."""
    copies = (path for path in source.parent.iterdir() if path.name != source.name)
    size_bytes = source.stat().st_size
    return next((path for path in copies if path.stat().st_size < size_bytes), None)
