"""The criteria of prune.weights that look at a layer's inputs: wanda and sparsegpt."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lathe.techniques.prune import PruneWeights
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import WeightTensor
from worker.engine.layerwise.feedback import factor
from worker.engine.layerwise.moments import Moments
from worker.engine.layerwise.site import Floats, Site
from worker.engine.outcome import FactValue
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.layer_by_layer import (
    Looked,
    look,
    pruned,
    readable,
    require_finite,
)
from worker.engine.prune.weights.pattern import by_input, fallen
from worker.engine.prune.weights.response import response_error
from worker.engine.prune.weights.selection import Fall, falling, of_each_row
from worker.engine.prune.weights.sparsegpt import (
    DAMPING,
    SELECTED,
    in_blocks,
    in_share,
    made_good,
)
from worker.engine.prune.weights.wanda import Energies, scores

Pruned = tuple[dict[str, Floats], list[LeftAlone], dict[str, FactValue]]


def by_inputs(
    checkpoint: Checkpoint,
    spec: PruneWeights,
    context: Context,
    weights: Sequence[WeightTensor],
) -> Pruned:
    """New numbers of `weights` by name, those that are left, and facts. Raises StepImpossible
    where the inputs of none can be looked at, or without examples."""
    chosen, alone = readable(checkpoint, [weight.name for weight in weights])
    looked = look(checkpoint, chosen, context)
    facts: dict[str, FactValue] = {"examples": looked.examples}
    if spec.criterion == "wanda":
        return _wanda(looked, spec, context), alone, facts
    method = _SparseGpt(spec, fixed_zeros(checkpoint, looked))
    values = pruned(looked, Moments, method.treat, context)
    worst = max(method.errors, key=method.errors.__getitem__)
    facts |= {"response_error": method.errors[worst], "response_error_in": worst}
    return values, alone, facts


def _wanda(looked: Looked, spec: PruneWeights, context: Context) -> dict[str, Floats]:
    def treat(site: Site, matrices: Floats, energies: Energies) -> Floats:
        require_finite(site, energies.squares)
        found = scores(matrices, energies)
        if spec.pattern is not None:
            falls = fallen(site, found, spec.pattern.keep, spec.pattern.of)
        else:
            columns = found.shape[-1]
            count = min(falling(spec.sparsity or 0.0, columns), columns - 1)
            falls = of_each_row(found, count)
        return np.where(falls, np.float32(0), matrices)

    return pruned(looked, Energies, treat, context)


def fixed_zeros(checkpoint: Checkpoint, looked: Looked) -> dict[str, Fall]:
    """The zeros of earlier masks, which have to stay."""
    sparse = {name for name, trait in checkpoint.traits.items() if trait.sparse}
    return {
        s.name: s.matrices(looked.weights[s.name] == 0)
        for s in looked.sites
        if s.name in sparse
    }


@dataclass
class _SparseGpt:
    """`errors` are of the responses of each layer, as norms."""

    spec: PruneWeights
    fixed: dict[str, Fall]
    errors: dict[str, float] = field(default_factory=dict)

    def treat(self, site: Site, matrices: Floats, moments: Moments) -> Floats:
        """New weights of one layer, (groups, rows, columns)."""
        require_finite(site, moments.own)
        columns = matrices.shape[-1]
        choose, together = in_share(self.spec.sparsity or 0.0, columns), SELECTED
        order = np.arange(columns)
        if self.spec.pattern is not None:
            choose = in_blocks(self.spec.pattern.keep, self.spec.pattern.of)
            together, order = self.spec.pattern.of, by_input(site)
        fixed = self.fixed.get(site.name, np.zeros(matrices.shape, np.bool_))
        new = np.empty_like(matrices)
        for group, weight in enumerate(matrices):
            own, _ = moments.raw(group)
            upper = factor(own[np.ix_(order, order)], DAMPING)
            new[group][:, order] = made_good(
                weight[:, order], upper, choose, together, fixed[group][:, order]
            )
        self.errors[site.name] = response_error(matrices, new, moments.own)
        return new
