"""The check that a step kept what earlier steps had done."""

import onnx

from lathe.errors import EffectLost
from worker.engine.checkpoint import Checkpoint
from worker.engine.run.stored import Stored

OUTPUT_AXIS = {"Conv": 0, "MatMul": -1, "Gather": -1}


def check_kept(before: Checkpoint, after: Checkpoint) -> None:
    """Raise EffectLost where a trait of `before` no longer holds in `after`.

    Channels may become fewer still, never more, and the weight must really have as many as
    its trait says; a grid must stay as it was. Weights of a lowered model have other names
    and shapes, so there the traits alone are compared.
    """
    graph = Stored(after.model)
    for layer, earlier in before.traits.items():
        trait = after.traits.get(layer)
        if trait is None:
            raise EffectLost(f"the layer {layer!r} lost what an earlier step had done to it")
        if earlier.grid is not None and trait.grid != earlier.grid:
            raise EffectLost(f"the weights of {layer!r} left the integers they were put on")
        if earlier.channels is None:
            continue
        if trait.channels is None or trait.channels > earlier.channels:
            raise EffectLost(f"the channels pruned from {layer!r} came back")
        if not after.lowered and _channels(layer, graph) != trait.channels:
            raise EffectLost(
                f"{layer!r} should have {trait.channels} channels, but has "
                f"{_channels(layer, graph)}"
            )


def _channels(layer: str, graph: Stored) -> int | None:
    """Output channels of a float layer; None where the layer is gone."""
    weight = graph.tensors.get(layer)
    node = None if weight is None else graph.reader(layer)
    if weight is None or node is None:
        return None
    match node.op_type:
        case "ConvTranspose":
            return int(weight.dims[1]) * _integer(node, "group", 1)
        case "Gemm":
            return int(weight.dims[0 if _integer(node, "transB", 0) else 1])
        case operator:
            return int(weight.dims[OUTPUT_AXIS.get(operator, 0)])


def _integer(node: onnx.NodeProto, attribute: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == attribute), default)
