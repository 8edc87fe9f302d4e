"""Integers for numbers: how many share a scale, and where activations' ranges come from.

Affine quantization, Jacob et al. 2018, arXiv:1712.05877, equation 1:
    q = clamp(round(x / scale) + zero_point), x' = scale (q - zero_point)
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec
from lathe.techniques.step import LayerId


class PerTensor(Spec):
    """One scale for the whole tensor."""

    per: Literal["tensor"] = "tensor"


class PerChannel(Spec):
    """One scale for each output channel."""

    per: Literal["channel"] = "channel"


Granularity = Annotated[PerTensor | PerChannel, Field(discriminator="per")]


class PerBlock(Spec):
    """One scale for each block of weights that are added up into the same output."""

    per: Literal["block"] = "block"
    size: Literal[16, 32, 64, 128, 256] = Field(
        128, description="Weights that share a scale: inputs of one output. A scale is 4 bytes."
    )


WeightGranularity = Annotated[PerTensor | PerChannel | PerBlock, Field(discriminator="per")]


class WeightGrid(Spec):
    """The weights' integers. Symmetric: zero point 0, range [-127, 127]."""

    bits: Literal[8] = Field(8, description="Bits of a weight, scales left out.")
    symmetric: bool = Field(True, description="No zero point: levels lie around zero.")
    granularity: Granularity = Field(
        default_factory=PerChannel, description="How many weights share a scale."
    )


class ActivationGrid(Spec):
    """The activations' integers. Asymmetric (unsigned, zero point free) is the fast kind on
    x86: signed activations ran slower than floats there."""

    bits: Literal[8] = Field(8, description="Bits of an activation.")
    symmetric: bool = Field(False, description="No zero point: levels lie around zero.")


class MinMax(Spec):
    """The range is the smallest and largest value seen."""

    method: Literal["min_max"] = "min_max"


class Percentile(Spec):
    """The range leaves out the most extreme values of a histogram."""

    method: Literal["percentile"] = "percentile"
    percentile: float = Field(
        99.99, gt=50, le=100, description="Percent of the values that the range holds."
    )


class Entropy(Spec):
    """The range whose histogram loses the least information (KL divergence)."""

    method: Literal["entropy"] = "entropy"


class MeanSquaredError(Spec):
    """The range whose histogram loses the least to rounding and clipping together, squared."""

    method: Literal["mse"] = "mse"


class Range(Spec):
    """What the integers of one activation cover."""

    of: LayerId = Field(
        description="Name of the activation in the canonical ONNX, or a layer's id for what it "
        "puts out, behind the Relu or Clip that alone reads that."
    )
    low: float = Field(le=0, description="In the activation's unit; zero is always covered.")
    high: float = Field(ge=0, description="In the activation's unit; zero is always covered.")

    @model_validator(mode="after")
    def _wide(self) -> Self:
        if self.low == self.high:
            raise ValueError("low must be below high")
        return self


class Given(Spec):
    """The ranges that are given; min_max for the rest."""

    method: Literal["given"] = "given"
    ranges: tuple[Range, ...] = Field(
        min_length=1, max_length=10_000, description="One for each tensor that has one."
    )

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [given.of for given in self.ranges]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"ranges: {twice!r} has two; leave one out")
        return self


Calibration = Annotated[
    MinMax | Percentile | Entropy | MeanSquaredError | Given, Field(discriminator="method")
]
