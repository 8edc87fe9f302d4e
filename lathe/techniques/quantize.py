"""Fewer bits a number: integers with calibrated ranges, or half precision.

Affine quantization, Jacob et al. 2018, arXiv:1712.05877, equation 1:
    q = clamp(round(x / scale) + zero_point), x' = scale (q - zero_point)
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lathe.spec import Spec
from lathe.techniques.step import GIVEN, LayerId, Looks, Needs, Phase, Step


class PerTensor(Spec):
    """One scale for the whole tensor."""

    per: Literal["tensor"] = "tensor"


class PerChannel(Spec):
    """One scale for each output channel."""

    per: Literal["channel"] = "channel"


Granularity = Annotated[PerTensor | PerChannel, Field(discriminator="per")]


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


class QuantizeStatic(Step):
    """Integer weights and activations; the ranges come from calibration data."""

    phase: ClassVar[Phase] = Phase.LOWER
    needs: ClassVar[Needs] = Needs(calibration=True)

    technique: Literal["quantize.static"] = "quantize.static"
    weights: WeightGrid = Field(default_factory=WeightGrid)
    activations: ActivationGrid = Field(default_factory=ActivationGrid)
    calibration: Calibration = Field(default_factory=MinMax)
    format: Literal["qdq", "qoperator"] = Field(
        "qoperator", description="qoperator gives the smallest file, qdq the most portable."
    )
    exclude: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")


class QuantizeDynamic(Step):
    """Integer weights; activation ranges are taken at run time, so no data is needed."""

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.dynamic"] = "quantize.dynamic"
    weights: WeightGrid = Field(default_factory=WeightGrid)
    exclude: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")


class QuantizeChoose(Step):
    """8-bit integers in the way that is best here, or floats where none is better.

    quantize.dynamic and, with calibration data, quantize.static in several forms are made,
    judged without the evaluation data, and timed beside the floats on the worker's CPU.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.choose"] = "quantize.choose"
    objective: Literal["latency", "size"] = Field(
        "latency", description="What the best one has least of."
    )
    max_drop: float = Field(
        0.005,
        ge=0,
        le=1,
        description="Most that it may lose: of the task's score on held-out train labels, else "
        "the fraction of other answers than the floats'.",
    )
    batch_size: int = Field(1, ge=1, le=4096, description="Examples that are timed together.")
    runs: int = Field(100, ge=10, le=10_000, description="Timed runs of each.")
    threads: int = Field(1, ge=1, le=256, description="Of the timed runtime.")
    exclude: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Ranges come from calibration examples, and the judge's labels from train."""
        return GIVEN


class QuantizeFloat(Step):
    """Half-precision weights and arithmetic; inputs and outputs keep their types."""

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.float"] = "quantize.float"
    dtype: Literal["float16"] = "float16"
    exclude: tuple[LayerId, ...] = Field(
        (), description="Layers that stay float32, by layer id."
    )
