"""How large the packed file of a state is: by packing it."""

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.encode.pack import pack
from worker.engine.encode.symbols import Profile
from worker.engine.onnx_file.write import write_model
from worker.engine.run.slim import slim


def packed_bytes(checkpoint: Checkpoint, context: Context, profile: Profile) -> int:
    """Bytes of the complete file; the names of the finished artifact's doors may differ from
    this model's by a few. The step's scratch folder is used and left as it was."""
    source, packed = context.folder / "sized.onnx", context.folder / "sized.packed"
    hints = {n: t.multiples for n, t in checkpoint.traits.items() if t.multiples is not None}
    try:
        write_model(slim(checkpoint.model), source)
        pack(source, packed, hints=hints, profile=profile)
        return packed.stat().st_size
    finally:
        source.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)
