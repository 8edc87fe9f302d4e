"""8-bit integers for weights and activations; see grids.py."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.excluded import Excluded
from lathe.techniques.quantize.grids import ActivationGrid, Calibration, MinMax, WeightGrid
from lathe.techniques.step import Needs, Phase, Step


class QuantizeStatic(Step):
    """Integer weights and activations; the ranges come from calibration data."""

    phase: ClassVar[Phase] = Phase.LOWER
    needs: ClassVar[Needs] = Needs(calibration=True)

    technique: Literal["quantize.static"] = "quantize.static"
    weights: WeightGrid = Field(default_factory=WeightGrid)
    activations: ActivationGrid = Field(default_factory=ActivationGrid)
    calibration: Calibration = Field(default_factory=MinMax)
    equalize: bool = Field(
        False,
        exclude_if=lambda asked: not asked,  # older workers do not know the key
        description="First scale the channels between two Conv or Gemm layers, with nothing or "
        "a Relu or pooling between them, so that both use their integers equally well (Nagel "
        "et al., arXiv:1906.04721); merge norms with optimize.graph before.",
    )
    smooth: float | None = Field(
        None,
        ge=0,
        le=1,
        exclude_if=lambda alpha: alpha is None,  # as above
        description="Alpha of SmoothQuant (Xiao et al., arXiv:2211.10438), usually 0.5: how "
        "much of the outliers of activations goes into the weights of a MatMul or Gemm behind "
        "a LayerNormalization or a Mul by constants.",
    )
    correct_bias: bool = Field(
        False,
        exclude_if=lambda asked: not asked,  # as above
        description="Take what rounded weights add to a layer's outputs on average, over "
        "calibration inputs, out of its bias, layer by layer (the same paper).",
    )
    format: Literal["qdq", "qoperator"] = Field(
        "qoperator", description="qoperator gives the smallest file, qdq the most portable."
    )
    exclude: Excluded = ()


class QuantizeDynamic(Step):
    """Integer weights; activation ranges are taken at run time, so no data is needed."""

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.dynamic"] = "quantize.dynamic"
    weights: WeightGrid = Field(default_factory=WeightGrid)
    exclude: Excluded = ()
