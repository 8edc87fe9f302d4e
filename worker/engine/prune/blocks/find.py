"""Where a graph has residual blocks that may go.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385,
equation 1: y = x + f(x), one Add of two values of one shape, of which one is made from the
other and has a layer of its own on the way.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

import onnx

from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.layers import layers
from worker.engine.graph.uses import live, producers, reads
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.probe import random_inputs
from worker.engine.prune.blocks.bypass import Block, bypass
from worker.engine.prune.blocks.show import doors, showing
from worker.engine.prune.coupling import LeftAlone
from worker.engine.session import run

PROBED_TOGETHER = 2  # examples of a probe; one would hide what is broadcast


def residual_blocks(
    checkpoint: Checkpoint, protect: Collection[str], seed: int
) -> tuple[list[Block], list[LeftAlone]]:
    """The blocks that may go, in graph order, and those that stay: with a layer of `protect`
    or one that an earlier step has worked on. `seed` draws the inputs that tell shapes.

    Raises UnknownLayer for a protected layer that the model does not have.
    """
    weight_tensors(checkpoint.model, protect, embeddings=True)  # raises
    every = [layer.id for layer in layers(checkpoint.model)]
    found: list[Block] = []
    alone: list[LeftAlone] = []
    for block in _sums(checkpoint.model):
        gone = _freed(checkpoint.model, block)
        ids = tuple(layer for layer in every if layer in gone)
        if not ids:
            continue
        if set(ids) & set(protect):
            alone.append(LeftAlone(f"the block of {ids[0]}", "it is protected"))
        elif gone & checkpoint.traits.keys():
            reason = "an earlier step has worked on it"
            alone.append(LeftAlone(f"the block of {ids[0]}", reason))
        else:
            found.append(replace(block, layers=ids))
    return _of_one_shape(checkpoint.model, found, seed), alone


def _sums(model: onnx.ModelProto) -> Iterator[Block]:
    """Every Add of x and what is made from x, whatever that is."""
    made_by = producers(model.graph)
    for node in model.graph.node:
        for skip in (0, 1) if node.op_type == "Add" else ():
            if node.input[skip] in _ancestors(node.input[1 - skip], made_by):
                yield Block(node.output[0], skip)


def _of_one_shape(model: onnx.ModelProto, blocks: list[Block], seed: int) -> list[Block]:
    """Those whose output is no larger than their input, which would be broadcast."""
    if not blocks:
        return []
    inputs = random_inputs(model, PROBED_TOGETHER, seed)
    values = inputs | run(showing(model, blocks), inputs)
    pairs = zip(blocks, doors(model, blocks), strict=True)
    return [block for block, (x, y) in pairs if values[x].shape == values[y].shape]


def _ancestors(value: str, made_by: dict[str, onnx.NodeProto]) -> set[str]:
    """Values that `value` is made from, without itself."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        node = made_by.get(waiting.pop())
        new = set(reads(node)) - found if node is not None else set()
        found |= new
        waiting.extend(new)
    return found


def _freed(model: onnx.ModelProto, block: Block) -> frozenset[str]:
    """Values, constants too, that nothing needs without the block."""
    graph = onnx.GraphProto(node=model.graph.node, output=model.graph.output)
    before = live(graph)
    bypass(graph, block)
    return before - live(graph)
