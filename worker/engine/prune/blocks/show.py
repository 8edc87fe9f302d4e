"""A session that shows what goes into residual blocks and what comes out."""

from collections.abc import Sequence

import onnx
import onnxruntime as ort
from onnx import helper

from worker.engine.graph.uses import producers
from worker.engine.prune.blocks.bypass import Block
from worker.engine.session import open_session


def doors(model: onnx.ModelProto, blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """Names of the input and the output of each block."""
    made_by = producers(model.graph)
    return [(made_by[block.output].input[block.skip], block.output) for block in blocks]


def showing(
    model: onnx.ModelProto, blocks: Sequence[Block], threads: int = 1
) -> ort.InferenceSession:
    """`model` with the inputs and outputs of `blocks` among its outputs; an input of the model
    is not."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    made_by = producers(probed.graph)
    there = {output.name for output in probed.graph.output}
    names = {n for pair in doors(model, blocks) for n in pair if n in made_by} - there
    wanted = (helper.make_empty_tensor_value_info(name) for name in sorted(names))
    probed.graph.output.extend(wanted)
    return open_session(probed, threads=threads)
