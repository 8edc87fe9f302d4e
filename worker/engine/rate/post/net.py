"""What of a model is put on grids: weights, their biases, and other small vectors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.errors import StepImpossible, UnknownLayer
from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.rate.post.vectors import biases, vectors


@dataclass(frozen=True, slots=True)
class Net:
    """What is to be coded: weights and vectors by name, with the bias of each weight; `fixed`
    marks the zeros that have to stay."""

    sites: Sequence[Site]
    vectors: Sequence[str]
    biases: Mapping[str, str]
    tensors: dict[str, Floats]
    fixed: Mapping[str, NDArray[np.bool_]]

    @property
    def weights(self) -> int:
        """How many numbers the weights hold."""
        return sum(site.elements for site in self.sites)


def net_of(checkpoint: Checkpoint, protect: Collection[str]) -> Net:
    """All that earlier steps have not put on a grid or a codebook, but for the layers
    `protect`. Raises UnknownLayer, and StepImpossible where no weight is left."""
    known = {layer.id for layer in layers(checkpoint.model)}
    for name in protect:
        if name not in known:
            raise UnknownLayer(
                f"there is no layer {name!r}; the model's layers are listed in its facts",
                param="protect",
            )
    traits, constants = checkpoint.traits, initializers(checkpoint.model)
    held = {n for n, t in traits.items() if t.codebook is not None or t.multiples is not None}
    free = tuple(s for s in sites(checkpoint.model) if s.name not in held | set(protect))
    if not free:
        raise StepImpossible(
            "the model has no layer left with float32 weights that could be put on a grid"
        )
    added = {w: b for w, b in biases(checkpoint.model, free).items() if b not in held}
    fine = tuple(name for name in vectors(checkpoint.model) if name not in held)
    names = {*(site.name for site in free), *fine, *added.values()}
    tensors = {n: np.ascontiguousarray(array(constants[n]), np.float32) for n in sorted(names)}
    sparse = {name for name, trait in traits.items() if trait.sparse}
    fixed = {site.name: tensors[site.name] == 0 for site in free if site.name in sparse}
    return Net(free, fine, added, tensors, fixed)
