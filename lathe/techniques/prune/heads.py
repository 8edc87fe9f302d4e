"""Removing whole attention heads."""

from typing import Literal

from pydantic import Field

from lathe.techniques.prune.narrowing import Narrowing


class PruneHeads(Narrowing):
    """Remove the attention heads that matter least.

    With a head go the weights that make its queries, keys and values and those that read its
    answer. Every layer keeps one head at least. Michel, Levy and Neubig, "Are Sixteen Heads
    Really Better than One?", arXiv:1905.10650. Heads that share keys and values with others
    go with them.
    """

    technique: Literal["prune.heads"] = "prune.heads"
    keep_heads: float = Field(gt=0, lt=1, description="Fraction of the heads left at the end.")
