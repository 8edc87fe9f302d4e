"""Fewer products: a layer becomes two or three smaller ones in a row, without retraining."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec
from lathe.techniques.step import INPUTS, NOTHING, LayerId, Looks, Needs, Step

Cost = Literal["macs", "parameters"]
RankNumber = Annotated[int, Field(ge=1, le=1_000_000)]
Rank = RankNumber | tuple[RankNumber, RankNumber]


class LayerByLayer(Spec):
    """Every layer's rank is chosen for itself."""

    saves: Cost = Field(
        "parameters", description="A layer is replaced only where it then costs less of this."
    )


class RankByEnergy(LayerByLayer):
    """The rank that costs least of those that keep enough of a layer's weights."""

    by: Literal["energy"] = "energy"
    energy: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="Fraction kept of the squared weights, for a matrix of its squared "
        "singular values; of the squared outputs where inputs are looked at.",
    )


class RankByVbmf(LayerByLayer):
    """The rank that stands out from noise; no number to choose.

    Nakajima, Sugiyama, Babacan and Tomioka 2013, JMLR 14: empirical variational Bayesian
    matrix factorization, solved analytically; of a convolution for its unfoldings.
    """

    by: Literal["vbmf"] = "vbmf"


class GivenRank(LayerByLayer):
    """The rank itself. For decompose.tucker two numbers, of the outputs and of the inputs, or
    one that stands for both; of a grouped convolution, of each group."""

    by: Literal["given"] = "given"
    rank: Rank | None = Field(
        None, description="Of every layer that `layers` does not name; null leaves those."
    )
    layers: dict[LayerId, Rank] = Field(
        default_factory=dict, max_length=10_000, description="Ranks by layer id."
    )

    @model_validator(mode="after")
    def _some_rank(self) -> Self:
        if self.rank is None and not self.layers:
            raise ValueError("give rank, layers or both")
        return self

    @property
    def pairs(self) -> bool:
        """Whether some rank has two numbers."""
        return any(isinstance(rank, tuple) for rank in (self.rank, *self.layers.values()))


class RankByBudget(Spec):
    """Ranks of all layers together: the least of their energy is lost for what is saved."""

    by: Literal["budget"] = "budget"
    keep_macs: float | None = Field(
        None, gt=0, lt=1, description="Fraction of the model's multiply-accumulates left."
    )
    keep_parameters: float | None = Field(
        None, gt=0, lt=1, description="Fraction of the model's parameters left."
    )

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.keep_macs is None) == (self.keep_parameters is None):
            raise ValueError("give exactly one of keep_macs and keep_parameters")
        return self

    @property
    def saves(self) -> Cost:
        """What the budget counts."""
        return "macs" if self.keep_macs is not None else "parameters"

    @property
    def keep(self) -> float:
        """The fraction of it that is left."""
        return self.keep_macs or self.keep_parameters or 0.0


RankChoice = Annotated[
    RankByEnergy | RankByBudget | RankByVbmf | GivenRank, Field(discriminator="by")
]


class Decompose(Step):
    """What the three have in common. The weights of a replaced layer are three or four small
    tensors; the last one keeps the layer's id, those before it are called id.factor1 and on."""

    needs: ClassVar[Needs] = Needs()

    rank: RankChoice = Field(
        default_factory=RankByEnergy, description="How many channels lie between the factors."
    )
    round_to: int = Field(
        1,
        ge=1,
        le=256,
        description="Ranks become multiples of this, but for given ones; onnxruntime convolves "
        "fastest in multiples of 8.",
    )
    protect: tuple[LayerId, ...] = Field((), description="Layers that stay, by layer id.")

    def _refuse_pairs(self) -> None:
        if isinstance(self.rank, GivenRank) and self.rank.pairs:
            raise ValueError("two numbers are a rank for decompose.tucker only; give one")


class DecomposeSvd(Decompose):
    """Replace Gemm, MatMul and Conv by two layers each, a singular value decomposition cut off.

    A k x k convolution becomes k x 1 and 1 x k (Jaderberg, Vedaldi and Zisserman 2014,
    arXiv:1405.3866; Tai et al. 2016, arXiv:1511.06067), or k x k to fewer channels and 1 x 1.
    """

    technique: Literal["decompose.svd"] = "decompose.svd"
    kernels: Literal["spatial", "channels"] | None = Field(
        None,
        description="What a k x k convolution is split into. spatial: k x 1 and 1 x k; "
        "channels: k x k to fewer channels and 1 x 1. Default: spatial; with whiten channels.",
    )
    whiten: bool = Field(
        False,
        description="Lose least of the layers' outputs on data.calibration (or data.train; no "
        "labels are read) in place of the least of their weights.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._refuse_pairs()
        if self.whiten and self.kernels == "spatial":
            raise ValueError(
                "outputs cannot be followed through k x 1 and 1 x k; set kernels "
                "to channels, or leave whiten out"
            )
        if self.whiten and self.rank.by == "vbmf":
            raise ValueError("vbmf looks for noise in the weights alone; leave whiten out")
        return self

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Inputs, for what the outputs lose."""
        return INPUTS if self.whiten else NOTHING

    @property
    def splits(self) -> Literal["spatial", "channels"]:
        """`kernels` with its default filled in."""
        return self.kernels or ("channels" if self.whiten else "spatial")


class DecomposeTucker(Decompose):
    """Replace a k x k Conv by 1 x 1, a k x k core of fewer channels and 1 x 1.

    Tucker-2 decomposition: Kim et al. 2016, arXiv:1511.06530. A factor that would keep all
    channels of its side is left out.
    """

    technique: Literal["decompose.tucker"] = "decompose.tucker"
    iterations: int = Field(
        10,
        ge=0,
        le=1000,
        description="Most rounds of higher-order orthogonal iteration; 0 truncates only.",
    )


class DecomposeCp(Decompose):
    """Replace a k x k Conv by 1 x 1, k x 1 and 1 x k in each channel alone, and 1 x 1.

    CP decomposition by alternating least squares: Lebedev et al. 2015, arXiv:1412.6553. By
    energy and budget, the rank is `round_to` times 1, 2, 3, 4, 6, 9 and on by half as much
    again.
    """

    technique: Literal["decompose.cp"] = "decompose.cp"
    round_to: int = Field(
        8,
        ge=1,
        le=256,
        description="Ranks become multiples of this, but for given ones; onnxruntime convolves "
        "each channel alone several times slower where they are no multiple of 8.",
    )
    iterations: int = Field(
        50, ge=1, le=10_000, description="Most rounds of alternating least squares of a fit."
    )
    min_energy: float = Field(
        0.5, ge=0, lt=1, description="A layer whose fit keeps less of its energy stays."
    )

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        self._refuse_pairs()
        return self
