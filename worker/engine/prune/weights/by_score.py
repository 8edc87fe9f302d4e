"""Weights that fall by a score of their own, in every layer, over all of them or in blocks."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from lathe.techniques.prune import Pattern, PruneWeights
from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.weight_tensors import WeightTensor
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.weights.pattern import fallen, why_not
from worker.engine.prune.weights.selection import Fall, Scores, falling, of_all

NOT_FLOAT32 = "it is not float32, or is read in a way that does not tell its inputs"


def fitting(
    checkpoint: Checkpoint, weights: Sequence[WeightTensor], pattern: Pattern
) -> tuple[dict[str, Site], list[LeftAlone]]:
    """The weights by name that blocks of the pattern fit, and those that are left."""
    there = {site.name: site for site in sites(checkpoint.model)}
    fit, alone = {}, []
    for weight in weights:
        site = there.get(weight.name)
        reason = NOT_FLOAT32 if site is None else why_not(site, pattern.of)
        if site is not None and reason is None:
            fit[weight.name] = site
        else:
            alone.append(LeftAlone(weight.name, reason or NOT_FLOAT32))
    return fit, alone


def magnitudes(weights: Sequence[WeightTensor]) -> dict[str, Scores]:
    """|w| of every weight by the tensors' names."""
    return {w.name: np.abs(np.asarray(array(w.tensor), np.float32)) for w in weights}


def chosen(
    scores: Mapping[str, Scores], spec: PruneWeights, fit: Mapping[str, Site]
) -> dict[str, Fall]:
    """Which weights fall, laid out as the scores; with a pattern only those of the sites
    `fit`. A tensor that has a score above zero keeps its last largest one."""
    if spec.pattern is not None:
        keep, of = spec.pattern.keep, spec.pattern.of
        return {
            name: site.tensor(fallen(site, site.matrices(scores[name]), keep, of))
            for name, site in fit.items()
            if name in scores
        }
    share = spec.sparsity or 0.0
    if spec.scope == "global":
        falls = _over_all(scores, share)
    else:
        falls = {name: of_all(s, falling(share, s.size)) for name, s in scores.items()}
    for name, fall in falls.items():
        if fall.all() and scores[name].any():
            largest = scores[name].size - 1 - np.argmax(scores[name].reshape(-1)[::-1])
            fall.reshape(-1)[largest] = False
    return falls


def without(weights: Sequence[WeightTensor], falls: Mapping[str, Fall]) -> dict[str, Floats]:
    """The tensors in `falls` with zeros where their weights fall."""
    return {
        w.name: np.where(falls[w.name], np.float32(0), np.asarray(array(w.tensor), np.float32))
        for w in weights
        if w.name in falls
    }


def _over_all(scores: Mapping[str, Scores], share: float) -> dict[str, Fall]:
    flat = np.concatenate([score.reshape(-1) for score in scores.values()])
    falls = of_all(flat, falling(share, flat.size))
    ends = np.cumsum([0, *(score.size for score in scores.values())])
    return {
        name: falls[start:end].reshape(score.shape)
        for (name, score), (start, end) in zip(scores.items(), pairwise(ends), strict=True)
    }
