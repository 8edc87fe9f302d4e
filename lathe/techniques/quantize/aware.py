"""Integers that are trained, not only rounded to."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.grids import Calibration, MinMax
from lathe.techniques.step import LayerId, Needs, Phase
from lathe.techniques.train import DistillLoss, Taught, Teacher


class QuantizeAware(Taught):
    """Train Conv, Gemm and MatMul as the integers that they become; their steps learn too.

    Weights are symmetric with a step for each output channel, activations 8 bits unsigned.
    Esser et al., "Learned Step Size Quantization", arXiv:1902.08153; activations of both signs
    as in LSQ+, arXiv:2004.09576. Weights of 4, 3 and 2 bits are stored in 8 with few different
    values: the runtime multiplies the same integers, and encode.entropy makes the file small.
    """

    phase: ClassVar[Phase] = Phase.LOWER
    needs: ClassVar[Needs] = Needs(train=True, calibration=True, torch_view=True)
    revision: ClassVar[int] = 1

    technique: Literal["quantize.aware"] = "quantize.aware"
    bits: Literal[2, 3, 4, 8] = Field(
        8, description="Bits of a weight: its integers are -2^(bits-1) to 2^(bits-1) - 1."
    )
    calibration: Calibration = Field(
        default_factory=MinMax, description="Where the ranges of activations begin."
    )
    epochs: int = Field(
        3, ge=0, le=10_000, description="0: rounded with calibrated ranges, without training."
    )
    teachers: tuple[Teacher, ...] = Field((), max_length=8)
    loss: DistillLoss = Field(default_factory=lambda: DistillLoss(hard=1.0))
    exclude: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")
