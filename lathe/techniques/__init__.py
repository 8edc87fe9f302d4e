"""The techniques a pipeline may name. A new one joins the union here."""

from typing import Annotated, get_args

from pydantic import Field

from lathe.techniques.analyze import AnalyzeSensitivity
from lathe.techniques.decompose import DecomposeCp, DecomposeSvd, DecomposeTucker
from lathe.techniques.encode import EncodeEntropy
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.prune import (
    PruneBlocks,
    PruneChannels,
    PruneEmbeddings,
    PruneHeads,
    PruneNeurons,
    PruneSensing,
    PruneUnits,
    PruneWeights,
)
from lathe.techniques.quantize import (
    QuantizeAware,
    QuantizeChoose,
    QuantizeDynamic,
    QuantizeFloat,
    QuantizeLog2,
    QuantizeMixed,
    QuantizeStatic,
    QuantizeWeights,
)
from lathe.techniques.rate import RateDistortion, ShareRateDistortion
from lathe.techniques.share import ShareDictionary, ShareKernels, ShareWeights
from lathe.techniques.train import Distill, Recover, Regularize

AnyStep = (
    OptimizeGraph
    | AnalyzeSensitivity
    | PruneChannels
    | PruneNeurons
    | PruneHeads
    | PruneUnits
    | PruneEmbeddings
    | PruneBlocks
    | PruneWeights
    | PruneSensing
    | DecomposeSvd
    | DecomposeTucker
    | DecomposeCp
    | Recover
    | Distill
    | Regularize
    | RateDistortion
    | ShareRateDistortion
    | ShareWeights
    | ShareDictionary
    | ShareKernels
    | QuantizeStatic
    | QuantizeDynamic
    | QuantizeAware
    | QuantizeChoose
    | QuantizeWeights
    | QuantizeLog2
    | QuantizeMixed
    | QuantizeFloat
    | EncodeEntropy
)
PipelineStep = Annotated[AnyStep, Field(discriminator="technique")]

TECHNIQUES: tuple[type[AnyStep], ...] = get_args(AnyStep)
