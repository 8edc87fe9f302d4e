"""Ranges that a person gives, put on the activations that they are about."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

import numpy as np
import onnx

from lathe.errors import UnknownLayer
from lathe.techniques.quantize import Given
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.graph.uses import consumers, producers
from worker.engine.onnx_file.array import array
from worker.engine.quantize.nodes import nodes_of

NEAR = 3  # names that a refusal offers
CLIPPING = {"Relu", "Clip"}


def given_ranges(
    model: onnx.ModelProto, method: Given, activations: Collection[str]
) -> dict[str, tuple[float, float]]:
    """(low, high) by activation, of those among `activations`.

    Behind a Relu or Clip the range is cut to what that lets through: the runtime leaves these
    nodes to the integers' range. Raises UnknownLayer for a name that is neither an activation
    which becomes integers nor a layer whose output does.
    """
    known = {layer.id for layer in layers(model)}
    found: dict[str, tuple[float, float]] = {}
    for given in method.ranges:
        named = _outputs(model, given.of) if given.of in known else [given.of]
        reached = [name for name in named if name in activations]
        if not reached:
            raise UnknownLayer(
                f"what the layer {given.of!r} puts out does not become integers"
                if given.of in known
                else f"no layer and no activation that becomes integers is called "
                f"{given.of!r}; {_near(given.of, [*activations, *known])}",
                param="calibration.ranges",
            )
        found.update((name, (given.low, given.high)) for name in reached)
    return {name: _let_through(model, name, ends) for name, ends in found.items()}


def _outputs(model: onnx.ModelProto, layer: str) -> Iterator[str]:
    """What the nodes of a layer put out, also behind the Relu or Clip that alone reads it."""
    readers, nodes = consumers(model.graph), {node.name: node for node in model.graph.node}
    for name in nodes_of(model, [layer]):
        output = nodes[name].output[0]
        yield output
        if len(after := readers.get(output, [])) == 1 and after[0].op_type in CLIPPING:
            yield after[0].output[0]


def _let_through(
    model: onnx.ModelProto, name: str, ends: tuple[float, float]
) -> tuple[float, float]:
    node = producers(model.graph).get(name)
    if node is None or node.op_type not in CLIPPING:
        return ends
    least, most = 0.0, np.inf
    if node.op_type == "Clip":
        constants = initializers(model)
        least, most = (
            float(array(constants[limit])) if limit in constants else otherwise
            for limit, otherwise in zip(
                (*node.input[1:], "", "")[:2], (-np.inf, np.inf), strict=True
            )
        )
    return max(ends[0], min(least, 0.0)), min(ends[1], max(most, 0.0))


def _near(name: str, offered: Collection[str]) -> str:
    close = get_close_matches(name, list(offered), n=NEAR)
    shown = ", ".join(map(repr, close or sorted(offered)[:NEAR]))
    return f"did you mean {shown}?" if close else f"there are {shown} and others"
