"""The best way to 8-bit integers, by measuring."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.excluded import Excluded
from lathe.techniques.step import GIVEN, Looks, Phase, Step


class QuantizeChoose(Step):
    """8-bit integers in the way that is best here, or floats where none is better.

    quantize.dynamic, quantize.weights where most weights are of matrices and tables and, with
    calibration data, quantize.static in several forms are made, judged without the evaluation
    data, and timed beside the floats on the worker's CPU.
    """

    phase: ClassVar[Phase] = Phase.LOWER
    revision: ClassVar[int] = 2

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
    exclude: Excluded = ()

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Ranges come from calibration examples, and the judge's labels from train."""
        return GIVEN
