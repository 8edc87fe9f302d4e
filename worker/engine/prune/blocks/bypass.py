"""Leaving residual blocks out, or in but unheard."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worker.engine.graph.uses import producers
from worker.engine.optimize.dead import drop_dead
from worker.engine.optimize.names import fresh, read_instead


@dataclass(frozen=True, slots=True)
class Block:
    """`output` = x + f(x), where x is input number `skip` of the Add that makes `output`.
    `layers` are the ids of the layers that go with f."""

    output: str
    skip: int
    layers: tuple[str, ...] = ()

    def stands(self, graph: onnx.GraphProto) -> bool:
        """Whether the sum is still there: what stands inside another block goes with it."""
        made_by = producers(graph).get(self.output)
        return made_by is not None and made_by.op_type == "Add"


def without(model: onnx.ModelProto, blocks: Sequence[Block]) -> onnx.ModelProto:
    """A copy of `model` without `blocks` and what only they need."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for block in blocks:
        if block.stands(copy.graph):
            bypass(copy.graph, block)
    drop_dead(copy)
    return copy


def bypass(graph: onnx.GraphProto, block: Block) -> None:
    """In place, the block's output becomes its input; what only f needs is left there."""
    add = producers(graph)[block.output]
    value = add.input[block.skip]
    if any(block.output == output.name for output in graph.output):
        node = helper.make_node("Identity", [value], [block.output], name=add.name)
        add.CopyFrom(node)
    else:
        graph.node.remove(add)
        read_instead(graph, block.output, value)


def unheard(model: onnx.ModelProto, blocks: Sequence[Block]) -> onnx.ModelProto:
    """A copy of `model` in which each of `blocks` is x + 0 f(x)."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    for block in blocks:
        add = producers(graph)[block.output]
        zero, nothing = fresh(graph, f"{block.output}.zero"), fresh(graph, f"{block.output}.no")
        graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), zero))
        product = helper.make_node("Mul", [add.input[1 - block.skip], zero], [nothing])
        add.input[1 - block.skip] = nothing
        graph.node.insert(list(graph.node).index(add), product)
    return copy
