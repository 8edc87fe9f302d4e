"""A checkpoint without some of its units, proved in onnxruntime."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.layerwise.site import Site, sites
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.dead import drop_dead
from worker.engine.probe import random_inputs
from worker.engine.prune.along.coupled import Coupled, of_weights
from worker.engine.prune.along.cut import cut
from worker.engine.prune.along.silence import silence
from worker.engine.prune.coupling import Kept

BATCHES = (1, 3)  # one that runtimes like to bake in, and one that they would not guess


def narrower(
    checkpoint: Checkpoint, groups: Sequence[Coupled], kept: Sequence[Kept], context: Context
) -> Checkpoint:
    """The checkpoint with the units `kept` alone; traits follow their tensors.

    Raises EffectLost unless onnxruntime computes on random inputs what it computes where the
    other units are still there and nothing hears them.
    """
    own = Path(tempfile.mkdtemp(dir=context.folder))
    model, unheard = checkpoint.private(), checkpoint.private()
    with Spill(own / "tensors") as spill, Spill(own / "unheard") as aside:
        cut(model, groups, kept, spill)
        drop_dead(model)
        silence(unheard, groups, kept, aside)
        probes = [random_inputs(checkpoint.model, batch, context.seed) for batch in BATCHES]
        same_function(unheard, model, probes)
    return replace(checkpoint, model=model, traits=_traits(checkpoint, groups, kept))


def _traits(
    checkpoint: Checkpoint, groups: Sequence[Coupled], kept: Sequence[Kept]
) -> dict[str, Trait]:
    """Steps lose what their axis loses; a layer with fewer outputs says how many it has."""
    outputs = _output_axes(checkpoint.model)
    traits = dict(checkpoint.traits)
    for (name, axis), stays in of_weights(groups, kept).items():
        if stays.all():
            continue
        trait = traits.get(name, Trait())
        if trait.multiples is not None and trait.multiples.axis == axis:
            steps = zip(trait.multiples.steps, stays, strict=True)
            left = tuple(step for step, stay in steps if stay)
            trait = replace(trait, multiples=Multiples(left, axis, trait.multiples.most))
        if outputs.get(name) == axis:
            trait = replace(trait, channels=int(stays.sum()))
        if trait != Trait():
            traits[name] = trait
    return traits


def _output_axes(model: onnx.ModelProto) -> dict[str, int]:
    """The axis of outputs of each weight that Gemm or MatMul multiplies with on the right."""
    axes = {site.name: _output_axis(site) for site in sites(model)}
    return {name: axis for name, axis in axes.items() if axis is not None}


def _output_axis(site: Site) -> int | None:
    match site.form, site.readers[0].node.op_type:
        case "columns", _:
            return 1
        case "rows", "Gemm":
            return 0
        case _:
            return None
