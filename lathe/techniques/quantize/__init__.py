"""Fewer bits a number: integers with calibrated ranges, weights alone, or half precision."""

from lathe.techniques.quantize.aware import QuantizeAware
from lathe.techniques.quantize.choose import QuantizeChoose
from lathe.techniques.quantize.floats import QuantizeFloat
from lathe.techniques.quantize.grids import (
    ActivationGrid,
    Calibration,
    Entropy,
    Given,
    Granularity,
    MeanSquaredError,
    MinMax,
    PerBlock,
    Percentile,
    PerChannel,
    PerTensor,
    Range,
    WeightGranularity,
    WeightGrid,
)
from lathe.techniques.quantize.integers import QuantizeDynamic, QuantizeStatic
from lathe.techniques.quantize.mixed import QuantizeMixed
from lathe.techniques.quantize.rounding import (
    AdaRound,
    Gptq,
    HalfQuadratic,
    Rounding,
    RoundToNearest,
)
from lathe.techniques.quantize.weights import QuantizeLog2, QuantizeWeights

__all__ = [
    "ActivationGrid",
    "AdaRound",
    "Calibration",
    "Entropy",
    "Given",
    "Gptq",
    "Granularity",
    "HalfQuadratic",
    "MeanSquaredError",
    "MinMax",
    "PerBlock",
    "PerChannel",
    "PerTensor",
    "Percentile",
    "QuantizeAware",
    "QuantizeChoose",
    "QuantizeDynamic",
    "QuantizeFloat",
    "QuantizeLog2",
    "QuantizeMixed",
    "QuantizeStatic",
    "QuantizeWeights",
    "Range",
    "RoundToNearest",
    "Rounding",
    "WeightGranularity",
    "WeightGrid",
]
