"""The check that a step kept what earlier steps had done."""

import numpy as np
import onnx

from lathe.errors import EffectLost
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.run.held_values import check_same, check_true
from worker.engine.run.stored import Stored

OUTPUT_AXIS = {"Conv": 0, "MatMul": -1, "Gather": -1}


def check_kept(before: Checkpoint, after: Checkpoint) -> None:
    """Raise EffectLost where a trait of `before` no longer holds in `after`, or one of `after`
    is not true.

    Channels may become fewer still, never more, and the weight must really have as many as
    its trait says; a grid must stay as it was. Zeros stay zero, what shared a value still
    does, multiples keep their steps or take coarser ones. Weights of a lowered model have
    other names, shapes and values, so there the first two are compared, by the traits alone.
    """
    graph = Stored(after.model)
    for layer, earlier in before.traits.items():
        trait = after.traits.get(layer)
        if trait is None:
            raise EffectLost(f"the layer {layer!r} lost what an earlier step had done to it")
        if earlier.grid is not None and trait.grid != earlier.grid:
            raise EffectLost(f"the weights of {layer!r} left the integers they were put on")
        _check_channels(layer, earlier, trait, graph, lowered=after.lowered)
    if not after.lowered:
        _check_values(before, after, graph)


def _check_channels(
    layer: str, earlier: Trait, trait: Trait, graph: Stored, *, lowered: bool
) -> None:
    if earlier.channels is None:
        return
    if trait.channels is None or trait.channels > earlier.channels:
        raise EffectLost(f"the channels pruned from {layer!r} came back")
    if not lowered and (found := _channels(layer, graph)) != trait.channels:
        raise EffectLost(f"{layer!r} should have {trait.channels} channels, but has {found}")


def _check_values(before: Checkpoint, after: Checkpoint, graph: Stored) -> None:
    """The traits that speak of float values, against the values."""
    old = Stored(before.model)
    for layer, trait in after.traits.items():
        earlier = before.traits.get(layer, Trait())
        _check_no_looser(layer, earlier, trait)
        if not (trait.sparse or trait.codebook is not None or trait.multiples is not None):
            continue
        tensor = graph.tensors.get(layer)
        if tensor is None:
            raise EffectLost(f"the tensor {layer!r} is gone, and with it what was done to it")
        check_true(layer, trait, tensor)
        if layer in old.tensors:
            check_same(layer, earlier, old.tensors[layer], tensor)


def _check_no_looser(layer: str, earlier: Trait, trait: Trait) -> None:
    if earlier.sparse and not trait.sparse:
        raise EffectLost(f"the zeros of {layer!r} were forgotten")
    if earlier.codebook is not None and (
        trait.codebook is None or trait.codebook > earlier.codebook
    ):
        raise EffectLost(f"the codebook of {layer!r} was lost or grew")
    if earlier.multiples is not None and not _no_finer(earlier.multiples, trait.multiples):
        raise EffectLost(f"the multiples of {layer!r} lost their steps")


def _no_finer(earlier: Multiples, later: Multiples | None) -> bool:
    """Whether `later` are the same multiples, or coarser ones, or those of fewer channels."""
    if later is None or later.axis != earlier.axis or later.most > earlier.most:
        return False
    if len(later.steps) == len(earlier.steps):
        return bool(np.all(np.array(later.steps) >= np.array(earlier.steps)))
    return set(later.steps) <= set(earlier.steps) and len(later.steps) < len(earlier.steps)


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
