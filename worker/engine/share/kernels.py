"""share.kernels: a codebook of kernels for all convolutions of one kernel size.

    W[o, i] = s m[z[o, i]]     s the root mean square of the layer's weights

Son, Nah and Lee give each kernel a scale of its own. Here a layer has one: then its kernels
share their values, which later steps keep and encode.entropy can code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lathe.errors import StepImpossible
from lathe.techniques.share import ShareKernels
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.measure.metrics import relative_norm
from worker.engine.onnx_file.array import array
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.facts import named
from worker.engine.prune.weights.written import written
from worker.engine.share.kernel_means import kernel_means, nearest_mean

Size = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """`kernels` (n, p) over their common `scale`."""

    site: Site
    kernels: Floats
    scale: float


def share_kernels(checkpoint: Checkpoint, spec: ShareKernels, context: Context) -> Outcome:
    """Tie the kernels of a copy of the checkpoint's model; each tensor has a codebook then.

    Sizes with no more kernels than may be different stay as they are. Raises UnknownLayer, and
    StepImpossible where nothing is tied.
    """
    found, alone = _layers(checkpoint, spec)
    by_size: dict[Size, list[_Layer]] = {}
    for layer in found:
        by_size.setdefault(layer.site.shape[2:], []).append(layer)
    pace = Pace(context.progress, len(by_size), "kernel sizes")
    tied: dict[str, Floats] = {}
    for layers in by_size.values():
        if sum(len(layer.kernels) for layer in layers) > spec.kernels:
            tied |= _tied(layers, spec, context.seed)
        else:
            reason = f"there are at most {spec.kernels} of its size"
            alone += [LeftAlone(layer.site.name, reason) for layer in layers]
        pace.add(1)
    if not tied:
        raise StepImpossible(f"no kernels are tied: {named(alone) or 'the model has none'}")
    done = written(checkpoint, tied, context)
    traits = dict(checkpoint.traits)
    for name, values in tied.items():
        distinct = np.unique(values[values != 0]).size
        traits[name] = replace(traits.get(name, Trait()), codebook=max(distinct, 1))
    facts = _facts([layer for layer in found if layer.site.name in tied], tied, alone)
    return Outcome(replace(done, traits=traits), facts)


def _layers(checkpoint: Checkpoint, spec: ShareKernels) -> tuple[list[_Layer], list[LeftAlone]]:
    """Convolutions with more than one place in a kernel, and those that stay."""
    model = checkpoint.model
    free = {w.name for w in weight_tensors(model, spec.protect, embeddings=False)}
    tensors, found, alone = initializers(model), [], []
    for site in sites(model):
        if site.form != "convolution" or np.prod(site.shape[2:]) == 1:
            continue
        trait = checkpoint.traits.get(site.name, Trait())
        if site.name not in free:
            alone.append(LeftAlone(site.name, "it is protected"))
        elif replace(trait, channels=None) != Trait():
            alone.append(LeftAlone(site.name, "an earlier step holds its values"))
        else:
            found.append(_layer(site, np.asarray(array(tensors[site.name]), np.float32)))
    return found, alone


def _layer(site: Site, weight: Floats) -> _Layer:
    scale = float(np.sqrt(np.mean(np.square(weight, dtype=np.float64)))) or 1.0
    kernels = weight.reshape(-1, int(np.prod(site.shape[2:]))) / np.float32(scale)
    return _Layer(site, kernels, scale)


def _tied(layers: Sequence[_Layer], spec: ShareKernels, seed: int) -> dict[str, Floats]:
    """The weights of layers of one kernel size, by name."""
    every = np.concatenate([layer.kernels for layer in layers])
    means = kernel_means(every, spec.kernels, spec.iterations, seed)
    made = {}
    for layer in layers:
        own = means * np.float32(layer.scale)
        values = own[nearest_mean(means, layer.kernels)]
        made[layer.site.name] = values.reshape(layer.site.shape)
    return made


def _facts(
    layers: Sequence[_Layer], tied: Mapping[str, Floats], alone: Sequence[LeftAlone]
) -> dict[str, FactValue]:
    """The relative error is a norm: |w - w'| / |w|."""
    error = energy = 0.0
    different = 0
    for layer in layers:
        whole = layer.kernels.astype(np.float64) * layer.scale
        values = tied[layer.site.name].reshape(whole.shape)
        error += float(np.sum((values - whole) ** 2))
        energy += float(np.sum(whole**2))
        different += len(np.unique(values, axis=0))
    return {
        "layers_tied": len(layers),
        "kernels": sum(len(layer.kernels) for layer in layers),
        "different_kernels_of_layers": different,
        "relative_error": relative_norm(error, energy),
        "layers_left_alone": len(alone),
        "left_alone": named(alone) or None,
    }
