"""Fewer different numbers: weights of a layer that share their values."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.step import LayerId, Needs, Step
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


class ShareDictionary(Step):
    """Replace Conv, Gemm and MatMul by two layers each: atoms that all outputs share, and
    sparse codes that add them up.

    The weight matrix is codes times atoms, most codes being zero: sparse coding; Aharon, Elad
    and Bruckstein 2006, with orthonormal atoms as Bao, Cai and Ji 2013. The ONNX file is
    smaller by what the atoms are fewer; the zeros pay in encode.entropy, and stay in training.
    """

    technique: Literal["share.dictionary"] = "share.dictionary"
    keep_nonzero: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Numbers of atoms and codes of a layer together, zeros left out, as a "
        "fraction of its weights.",
    )
    iterations: int = Field(
        30, ge=1, le=1000, description="Most rounds of coding and fitting atoms of a layer."
    )
    min_energy: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="A layer whose squared weights are kept to a smaller fraction stays.",
    )
    protect: tuple[LayerId, ...] = Field((), description="Layers that stay, by layer id.")


class ShareKernels(Step):
    """Tie the kernels of convolutions: each k x k kernel becomes one of a few, up to its
    layer's scale.

    k-means over whole kernels; Son, Nah and Lee, "Clustering Convolutional Kernels to Compress
    Deep Neural Networks", ECCV 2018. The file stays as large; encode.entropy, which codes value
    by value, gains less by it than by share.weights.
    """

    technique: Literal["share.kernels"] = "share.kernels"
    kernels: int = Field(
        256,
        ge=1,
        le=65_536,
        description="Different kernels of each size, such as 3 x 3, in all layers together.",
    )
    iterations: int = Field(
        50, ge=1, le=1000, description="Most rounds of k-means; it ends when nothing moves."
    )
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose kernels stay their own, by layer id."
    )
