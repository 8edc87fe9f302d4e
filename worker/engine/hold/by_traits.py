"""Who holds the weights of a checkpoint while its view is trained."""

from collections.abc import Iterator, Mapping

import torch

from worker.engine.checkpoint import Trait
from worker.engine.hold.frozen import Frozen
from worker.engine.hold.held import Held, Together
from worker.engine.hold.layout import laid_out, parameters_of
from worker.engine.hold.on_steps import OnSteps
from worker.engine.hold.shared_values import SharedValues
from worker.engine.hold.zeros import Zeros
from worker.engine.view import TorchView


def held_by_traits(view: TorchView, traits: Mapping[str, Trait]) -> Held:
    """Keep what `traits` say of the tensors of `view`, which holds them now.

    A tensor without such a trait learns freely, one that the view does not train cannot
    change. Where a tensor has both a codebook and steps, it stays as it is: shared values
    that moved would leave their steps.
    """
    parts = list(_parts(view, traits))
    return Together(parts) if parts else Held()


def _parts(view: TorchView, traits: Mapping[str, Trait]) -> Iterator[Held]:
    for name, trait in sorted(traits.items()):
        if not (trait.sparse or trait.codebook is not None or trait.multiples is not None):
            continue
        parameters = parameters_of(view, name)
        if not parameters:
            continue
        if trait.multiples is not None and trait.codebook is not None:
            yield Frozen(parameters)
        elif trait.multiples is not None:
            rank = _rank(view, name)
            steps = torch.from_numpy(trait.multiples.along(rank))
            yield OnSteps(
                laid_out(view, name, steps), trait.multiples.most, sparse=trait.sparse
            )
        elif trait.codebook is not None:
            yield SharedValues(parameters)
        else:
            yield Zeros(parameters)


def _rank(view: TorchView, name: str) -> int:
    """How many axes the tensor has in the file."""
    binding = next(b for b in view.bindings if b.initialiser == name)
    return binding.read(view.module.get_submodule(binding.path)).dim()
