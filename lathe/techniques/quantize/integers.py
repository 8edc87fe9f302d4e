"""8-bit integers for weights and activations; see grids.py."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.excluded import Excluded
from lathe.techniques.quantize.grids import ActivationGrid, Calibration, MinMax, WeightGrid
from lathe.techniques.step import GIVEN, NOTHING, Looks, Needs, Phase, Step


class QuantizeStatic(Step):
    """Integer weights and activations; the ranges come from calibration data."""

    phase: ClassVar[Phase] = Phase.LOWER
    needs: ClassVar[Needs] = Needs(calibration=True)

    technique: Literal["quantize.static"] = "quantize.static"
    weights: WeightGrid = Field(
        default_factory=WeightGrid, description="Which integers weights become."
    )
    activations: ActivationGrid = Field(
        default_factory=ActivationGrid, description="Which integers activations become."
    )
    calibration: Calibration = Field(
        default_factory=MinMax, description="How an activation's range is found."
    )
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
    back_off: float | None = Field(
        None,
        ge=0,
        le=1,
        exclude_if=lambda drop: drop is None,  # as above
        description="Most that may be lost, of the task's score on labels of the held-out part "
        "of data.train, else of the agreement with the float model on a quarter of the "
        "calibration examples: until it holds, the layers that cost most go back to floats.",
    )
    format: Literal["qdq", "qoperator"] = Field(
        "qoperator", description="qoperator gives the smallest file, qdq the most portable."
    )
    exclude: Excluded = ()

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Labels of train judge, where there are any."""
        return NOTHING if self.back_off is None else GIVEN


class QuantizeDynamic(Step):
    """Integer weights; activation ranges are taken at run time, so no data is needed."""

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.dynamic"] = "quantize.dynamic"
    weights: WeightGrid = Field(
        default_factory=WeightGrid, description="Which integers weights become."
    )
    exclude: Excluded = ()
