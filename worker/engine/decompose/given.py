"""Ranks that the spec names, against what a layer can have."""

from collections.abc import Sequence

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.decompose import GivenRank, Rank
from worker.engine.decompose.layer import Layer
from worker.engine.decompose.row import Method, Ranks


def check_given(choice: GivenRank, layers: Sequence[Layer], method: Method) -> None:
    """Raise UnknownLayer for a rank of what is not among `layers`, and StepImpossible for one
    that is larger than its layer has."""
    offered = {layer.name: layer for layer in layers}
    for name, rank in choice.layers.items():
        if name not in offered:
            raise UnknownLayer(
                f"there is no layer {name!r} that could be decomposed like this; there are: "
                f"{', '.join(sorted(offered))}",
                param="rank.layers",
            )
        most = method.most(offered[name])
        if too_large(rank, most):
            raise StepImpossible(
                f"the rank of {name!r} is at most {shown(most)}, not {rank}",
                param="rank.layers",
            )


def too_large(rank: Rank, most: Ranks) -> bool:
    """Whether no side, or of two numbers one side, has so many."""
    if isinstance(rank, int):
        return rank > max(most)
    return any(number > limit for number, limit in zip(rank, most, strict=True))


def as_ranks(rank: Rank, most: Ranks) -> Ranks:
    """One number for each of `most`; a single one stands for all, or for all there are."""
    if isinstance(rank, int):
        return tuple(min(rank, limit) for limit in most)
    return rank


def shown(rank: Ranks) -> str:
    """12, or 12 x 7"""
    return " x ".join(str(number) for number in rank)
