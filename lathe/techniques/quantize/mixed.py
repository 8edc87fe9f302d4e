"""As many bits a layer as it needs."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.quantize.grids import PerBlock, WeightGranularity
from lathe.techniques.quantize.rounding import HalfQuadratic, RoundToNearest
from lathe.techniques.step import INPUTS, LayerId, Looks, Phase, Step


class QuantizeMixed(Step):
    """Integer weights whose bits are chosen layer by layer, or floats, within a budget.

    Every layer is tried alone at every width; then the bytes go first where they cost the
    answers least. Integers are those of quantize.weights; inputs and sums stay float.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.mixed"] = "quantize.mixed"
    bits: tuple[Literal[2, 3, 4, 8], ...] = Field(
        (4, 8),
        min_length=1,
        max_length=4,
        description="Bits of a weight that a layer may get; floats always may stay.",
    )
    max_bytes: int | None = Field(None, ge=1, description="Largest size of the ONNX file.")
    keep_bytes: float | None = Field(
        None, gt=0, lt=1, description="In place of max_bytes: fraction of the file's bytes."
    )
    max_drop: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Most that may be lost, of the task's score on labels of the held-out part "
        "of data.train, else of the agreement with the float model. Alone, the layers that "
        "cost most go back to more bits, and to floats, until it holds.",
    )
    symmetric: bool = Field(
        False, description="No zero point of a block: its levels lie around zero."
    )
    granularity: WeightGranularity = Field(
        default_factory=PerBlock, description="How many weights share a scale."
    )
    rounding: Annotated[RoundToNearest | HalfQuadratic, Field(discriminator="method")] = Field(
        default_factory=HalfQuadratic, description="How a weight finds its level."
    )
    arithmetic: Literal["float", "int8"] = Field(
        "int8",
        description="What MatMul and Gemm multiply the integers with: their float inputs, or "
        "these rounded to 8 bits block by block, which is faster.",
    )
    samples: int = Field(256, ge=1, le=100_000, description="Most examples that judge.")
    embeddings: bool = Field(True, description="Quantize tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Examples of data.calibration, or of data.train, judge."""
        return INPUTS

    @model_validator(mode="after")
    def _a_budget(self) -> Self:
        if self.max_bytes is not None and self.keep_bytes is not None:
            raise ValueError("give max_bytes or keep_bytes, not both")
        if self.max_bytes is None and self.keep_bytes is None and self.max_drop is None:
            raise ValueError("give a budget: max_bytes, keep_bytes or max_drop")
        if len(set(self.bits)) < len(self.bits):
            raise ValueError("bits: give each width once")
        return self
