"""prune.sensing: each layer's sparsest weights that still answer its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lathe.techniques.prune import PruneSensing
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.layerwise.aim import aim
from worker.engine.layerwise.moments import Doubles, Moments
from worker.engine.layerwise.site import Floats, Site
from worker.engine.outcome import FactValue, Outcome
from worker.engine.prune.facts import named
from worker.engine.prune.layer_by_layer import look, pruned, readable, require_finite
from worker.engine.prune.norms import reestimated, require_norms_free
from worker.engine.prune.weights.by_inputs import fixed_zeros
from worker.engine.prune.weights.net_trim import with_share, within_error
from worker.engine.prune.weights.prunable_weights import prunable_weights
from worker.engine.prune.weights.response import response_error
from worker.engine.prune.weights.selection import Fall, falling
from worker.engine.prune.weights.weight_facts import weight_facts
from worker.engine.prune.weights.written import sparse_from_now, written


def prune_sensing(checkpoint: Checkpoint, spec: PruneSensing, context: Context) -> Outcome:
    """Prune a copy of the checkpoint's model; every pruned tensor is `sparse` from then on.

    A layer aims at the weights that would answer best on the inputs of the layers pruned
    before it, and `error` counts from there. Tables and weights whose inputs cannot be looked
    at are left. Raises UnknownLayer, StepImpossible where nothing can be pruned, weights
    share values or are multiples already, or there are no examples.
    """
    weights = prunable_weights(checkpoint, spec.protect, embeddings=False, updates=True)
    if spec.reestimate_norms:
        require_norms_free(checkpoint)
    chosen, alone = readable(checkpoint, [weight.name for weight in weights])
    looked = look(checkpoint, chosen, context)
    trimming = _Trimming(spec, fixed_zeros(checkpoint, looked))
    values = pruned(looked, Moments, trimming.treat, context)
    done = sparse_from_now(written(checkpoint, values, context), values)
    facts: dict[str, FactValue] = {
        "sparsity_before": weight_facts(weights)["sparsity"],
        **weight_facts(weight_tensors(done.model, spec.protect, embeddings=False)),
        "examples": looked.examples,
        **trimming.facts,
    }
    if alone:
        facts["left_alone"] = named(alone)
    if spec.reestimate_norms:
        done, facts["norms_reestimated"] = reestimated(done, context)
    return Outcome(done, facts)


@dataclass
class _Trimming:
    """`fixed` are zeros that stay; `errors` those of each layer's responses, as norms."""

    spec: PruneSensing
    fixed: Mapping[str, Fall]
    errors: dict[str, float] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, FactValue]:
        """The largest error, and where."""
        worst = max(self.errors, key=self.errors.__getitem__)
        return {"response_error": self.errors[worst], "response_error_in": worst}

    def treat(self, site: Site, matrices: Floats, moments: Moments) -> Floats:
        """New weights of one layer, (groups, rows, columns)."""
        require_finite(site, moments.own)
        fixed = self.fixed.get(site.name, np.zeros(matrices.shape, np.bool_))
        pairs = [moments.raw(group) for group in range(len(matrices))]
        aims = [aim(w, *pair) for w, pair in zip(matrices, pairs, strict=True)]
        wanted = np.stack(aims)
        new = np.stack(
            [
                self._trimmed(target, own, ~held)
                for target, (own, _), held in zip(aims, pairs, fixed, strict=True)
            ]
        )
        self.errors[site.name] = response_error(wanted, new, moments.own)
        return new

    def _trimmed(self, target: Floats, own: Doubles, free: Fall) -> Floats:
        if self.spec.error is not None:
            return within_error(target, own, self.spec.error, free)
        kept = target.size - falling(self.spec.sparsity or 0.0, target.size)
        return with_share(target, own, max(kept, 1), free)
