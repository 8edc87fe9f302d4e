"""Removing dimensions of embeddings."""

from typing import Literal

from pydantic import Field

from lathe.techniques.prune.narrowing import Narrowing


class PruneEmbeddings(Narrowing):
    """Remove the dimensions of embeddings that matter least.

    With a dimension go its column of every table that is added or multiplied to it, and all
    that is as wide in the layers behind: in a transformer the whole residual stream, as its
    hidden dimensions in Xia, Zhong and Chen, "Structured Pruning Learns Compact and Accurate
    Models", arXiv:2204.00408. Normalisations take mean and variance of the dimensions that are
    left, so the network should be trained again. A table whose width is that of a model output
    stays whole.
    """

    technique: Literal["prune.embeddings"] = "prune.embeddings"
    keep_width: float = Field(
        gt=0, lt=1, description="Fraction of the dimensions left at the end."
    )
    round_to: int = Field(1, ge=1, le=256, description="Widths become multiples of this.")
