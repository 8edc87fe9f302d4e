"""The step that asks for a packed file.

A packed file is made of an ONNX file, byte for byte, so it can only be made where that file is
written: `worker.engine.run.packing`. The step itself leaves the model as it is, and refuses
what no packed file can hold before anything is measured.
"""

from lathe.errors import StepImpossible
from lathe.techniques.encode import EncodeEntropy
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.onnx_file.read import MOST_BYTES
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import Outcome


def encode_entropy(checkpoint: Checkpoint, step: EncodeEntropy, _: Context) -> Outcome:
    """The same state, and what of it a coder can use: tensors whose zeros, grid or codebook an
    earlier step has made. Raises StepImpossible for a model that no single file holds."""
    size_bytes = file_bytes(checkpoint.model)
    if size_bytes > MOST_BYTES:
        raise StepImpossible(
            f"a packed file holds an ONNX file of at most {MOST_BYTES:,} bytes, this model "
            f"takes {size_bytes:,}; put a quantize step before it, or leave encode.entropy out"
        )
    traits = checkpoint.traits.values()
    return Outcome(
        checkpoint,
        {
            "profile": step.profile,
            "sparse_tensors": sum(trait.sparse for trait in traits),
            "tensors_on_a_grid": sum(trait.multiples is not None for trait in traits),
            "tensors_with_a_codebook": sum(trait.codebook is not None for trait in traits),
        },
    )
