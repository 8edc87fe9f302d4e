"""Fewer bits for weights alone."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.grids import PerBlock, WeightGranularity
from lathe.techniques.quantize.rounding import AdaRound, Gptq, HalfQuadratic, Rounding
from lathe.techniques.step import INPUTS, NOTHING, LayerId, Looks, Phase, Step


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
    granularity: WeightGranularity = Field(
        default_factory=PerBlock, description="How many weights share a scale."
    )
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
