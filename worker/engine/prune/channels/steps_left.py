"""The steps of a narrowed tensor: of those that lay along a cut axis, the ones that stayed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from worker.engine.checkpoint import Trait
from worker.engine.hold.layout import laid_out, parameters_of, read_back
from worker.engine.prune.channels.cut import trimmed
from worker.engine.prune.coupling import Group, Kept
from worker.engine.view import TorchView


def steps_left(
    view: TorchView, traits: Mapping[str, Trait], groups: Sequence[Group], kept: Sequence[Kept]
) -> dict[str, Trait]:
    """`traits` as they are after the cut; `view` is still whole and stays as it is.

    The place of each step is put where the weights are, cut, and read back, so that it goes
    the same way as the weights whatever their layout.
    """
    left = dict(traits)
    for name, trait in traits.items():
        multiples = trait.multiples
        if multiples is None or multiples.axis is None or not parameters_of(view, name):
            continue
        rank = read_back(view, name).dim()
        places = torch.arange(len(multiples.steps), dtype=torch.float32)
        shape = [-1 if axis == multiples.axis else 1 for axis in range(rank)]
        placed = laid_out(view, name, places.reshape(shape))
        held = [parameter.data for parameter, _ in placed]
        try:
            for parameter, piece in placed:
                parameter.data = piece
            with trimmed(view.module, groups, kept):
                cut = read_back(view, name).movedim(multiples.axis, 0)
        finally:
            for (parameter, _), values in zip(placed, held, strict=True):
                parameter.data = values
        stayed = cut.reshape(len(cut), -1)[:, 0].long().tolist()
        steps = tuple(multiples.steps[place] for place in stayed)
        left[name] = replace(trait, multiples=replace(multiples, steps=steps))
    return left
