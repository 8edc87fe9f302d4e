"""Fewer different numbers: weights of a layer that share their values."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.step import LayerId, Needs
from lathe.techniques.train import Adam, DistillLoss, Optimizer, Taught, Teacher


class ShareWeights(Taught):
    """Give every layer a codebook by k-means, and train its values where train data are given.

    2^bits values, of which zero is one where the layer was pruned. Han, Mao and Dally, "Deep
    Compression", arXiv:1510.00149, section 3: linear initialisation, then the gradient of a
    value is the sum over the weights that share it.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["share.weights"] = "share.weights"
    bits: int = Field(5, ge=1, le=12, description="log2 of the codebook's size in each layer.")
    iterations: int = Field(
        100, ge=1, le=10_000, description="Most rounds of k-means; it ends when nothing moves."
    )
    embeddings: bool = Field(True, description="Share in tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose weights keep their own values, by layer id."
    )
    optimizer: Optimizer = Field(default_factory=lambda: Adam(lr=3e-4))
    epochs: int = Field(
        3, ge=0, le=10_000, description="Epochs in which the values learn, given data.train."
    )
    teachers: tuple[Teacher, ...] = Field((), max_length=8)
    loss: DistillLoss = Field(default_factory=lambda: DistillLoss(hard=1.0))
