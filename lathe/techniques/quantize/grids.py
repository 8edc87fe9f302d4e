"""Integers for numbers: how many share a scale, and where activations' ranges come from.

Affine quantization, Jacob et al. 2018, arXiv:1712.05877, equation 1:
    q = clamp(round(x / scale) + zero_point), x' = scale (q - zero_point)
"""

from typing import Annotated, Literal

from pydantic import Field

from lathe.spec import Spec


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

    bits: Literal[8] = 8
    symmetric: bool = True
    granularity: Granularity = Field(default_factory=PerChannel)


class ActivationGrid(Spec):
    """The activations' integers. Asymmetric (unsigned, zero point free) is the fast kind on
    x86: signed activations ran slower than floats there."""

    bits: Literal[8] = 8
    symmetric: bool = False


class MinMax(Spec):
    """The range is the smallest and largest value seen."""

    method: Literal["min_max"] = "min_max"


class Percentile(Spec):
    """The range leaves out the most extreme values of a histogram."""

    method: Literal["percentile"] = "percentile"
    percentile: float = Field(99.99, gt=50, le=100)


class Entropy(Spec):
    """The range whose histogram loses the least information (KL divergence)."""

    method: Literal["entropy"] = "entropy"


Calibration = Annotated[MinMax | Percentile | Entropy, Field(discriminator="method")]
