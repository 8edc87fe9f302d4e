"""Fewer bits a number: integers with calibrated ranges, weights alone, or half precision.

Affine quantization, Jacob et al. 2018, arXiv:1712.05877, equation 1:
    q = clamp(round(x / scale) + zero_point), x' = scale (q - zero_point)
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lathe.spec import Spec
from lathe.techniques.step import GIVEN, INPUTS, NOTHING, LayerId, Looks, Needs, Phase, Step


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


class QuantizeWeights(Step):
    """Integer weights only; inputs and sums stay float. No retraining.

    The runtime multiplies by packed integers in MatMul, Gemm and tables; other layers are
    widened to floats when the file is opened, so there only the file is smaller. 3 bits take
    4 in the ONNX file; a packed file makes use of it.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.weights"] = "quantize.weights"
    bits: Literal[2, 3, 4, 8] = Field(4, description="Bits of a weight, scales left out.")
    symmetric: bool = Field(
        False, description="No zero point of a block: its levels lie around zero."
    )
    granularity: WeightGranularity = Field(default_factory=PerBlock)
    rounding: Rounding = Field(
        default_factory=HalfQuadratic,
        description="gptq and adaround look at examples of data.calibration, or of data.train.",
    )
    arithmetic: Literal["float", "int8"] = Field(
        "int8",
        description="What MatMul and Gemm multiply the integers with: their float inputs, or "
        "these rounded to 8 bits block by block, which is faster.",
    )
    embeddings: bool = Field(True, description="Quantize tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Inputs, where the rounding of a layer depends on what it is multiplied with."""
        return INPUTS if isinstance(self.rounding, Gptq | AdaRound) else NOTHING


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


class QuantizeLog2(Step):
    """Weights that are zero or a power of two, times minus one or one.

    Zhou, Yao, Guo, Xu and Chen, "Incremental Network Quantization", arXiv:1702.03044, without
    its retraining between parts of the weights. The values stay float: the runtime multiplies
    as before and the ONNX file is as large; a packed file holds the few values in few bits.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.log2"] = "quantize.log2"
    bits: int = Field(
        5, ge=2, le=8, description="Bits of a weight: zero and 2^(bits-1) - 1 powers, signed."
    )
    embeddings: bool = Field(True, description="Quantize tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose weights keep their own values, by layer id."
    )


class QuantizeFloat(Step):
    """Half-precision numbers; inputs and outputs keep their types.

    float16: weights and arithmetic. bfloat16: weights alone, widened to float32 when the file
    is opened, with float32's range and 8 significant bits.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.float"] = "quantize.float"
    dtype: Literal["float16", "bfloat16"] = "float16"
    exclude: tuple[LayerId, ...] = Field(
        (), description="Layers that stay float32, by layer id."
    )
