"""How a weight finds its level on a grid."""

from typing import Annotated, Literal

from pydantic import Field

from lathe.spec import Spec


class RoundToNearest(Spec):
    """Every weight goes to the nearest level; the ranges are those of the weights."""

    method: Literal["rtn"] = "rtn"


class HalfQuadratic(Spec):
    """Scales and zero points that lose least in an l_p norm, by half-quadratic splitting
    (Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models", 2023)."""

    method: Literal["hqq"] = "hqq"
    norm: float = Field(
        0.7, gt=0, le=1, description="p of the l_p norm; smaller cares less for outliers."
    )
    iterations: int = Field(20, ge=1, le=1_000, description="Most rounds of the solver.")


class Gptq(Spec):
    """Column by column, each error made good by the columns still to come (Frantar et al.,
    "GPTQ", arXiv:2210.17323)."""

    method: Literal["gptq"] = "gptq"
    damping: float = Field(
        0.01, gt=0, le=10, description="Added to the inputs' second moments, of their mean."
    )


class AdaRound(Spec):
    """Up or down is learned for every weight, on its layer's calibration inputs (Nagel et al.,
    "Up or Down?", arXiv:2004.10568)."""

    method: Literal["adaround"] = "adaround"
    iterations: int = Field(200, ge=1, le=100_000, description="Gradient steps a layer.")
    lr: float = Field(0.1, gt=0, le=1, description="Learning rate of Adam.")
    regularization: float = Field(
        3.0, gt=0, le=100, description="Weight of the term that drives to whole numbers."
    )


Rounding = Annotated[
    RoundToNearest | HalfQuadratic | Gptq | AdaRound, Field(discriminator="method")
]
