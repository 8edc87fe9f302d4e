"""The registry: which function carries out which step.

A technique of the union without a case here is a type error.
"""

from typing import assert_never

from lathe.techniques import AnyStep
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
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.decompose.low_rank import decompose_cp, decompose_svd, decompose_tucker
from worker.engine.encode.entropy import encode_entropy
from worker.engine.optimize.graph import optimize_graph
from worker.engine.outcome import Outcome
from worker.engine.prune.blocks.prune import prune_blocks
from worker.engine.prune.channels.gradual import prune_gradually
from worker.engine.prune.channels.neurons import prune_neurons
from worker.engine.prune.channels.prune import prune_channels
from worker.engine.prune.embeddings.prune import prune_embeddings
from worker.engine.prune.heads.prune import prune_heads
from worker.engine.prune.units.prune import prune_units
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.prune.weights.sensing import prune_sensing
from worker.engine.quantize.aware.train import quantize_aware
from worker.engine.quantize.bfloat16 import store_bfloat16
from worker.engine.quantize.blocks.weights import quantize_weights
from worker.engine.quantize.choose import quantize_choose
from worker.engine.quantize.dynamic import quantize_dynamic
from worker.engine.quantize.float16 import quantize_float
from worker.engine.quantize.log2 import quantize_log2
from worker.engine.quantize.mixed.mixed import quantize_mixed
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.rate.share import share_rate_distortion
from worker.engine.rate.train import train_rate_distortion
from worker.engine.sensitivity.analyze import analyze_sensitivity
from worker.engine.share.dictionary import share_dictionary
from worker.engine.share.kernels import share_kernels
from worker.engine.share.weights import share_weights
from worker.engine.train.distill import distill
from worker.engine.train.recover import recover
from worker.engine.train.regularize import regularize


def apply(  # noqa: C901, PLR0911, PLR0912 - a case a technique
    checkpoint: Checkpoint, step: AnyStep, context: Context
) -> Outcome:
    """Carry out one step on a copy of the checkpoint.

    Raises what the technique raises: StepImpossible and UnknownLayer before any work,
    BudgetUnreachable, TrainingDiverged, EffectLost.
    """
    match step:
        case OptimizeGraph():
            return optimize_graph(checkpoint, step, context)
        case AnalyzeSensitivity():
            return analyze_sensitivity(checkpoint, step, context)
        case PruneChannels(recover=None):
            return prune_channels(checkpoint, step, context)
        case PruneChannels():
            return prune_gradually(checkpoint, step, context)
        case PruneWeights():
            return prune_weights(checkpoint, step, context)
        case PruneNeurons():
            return prune_neurons(checkpoint, step, context)
        case PruneHeads():
            return prune_heads(checkpoint, step, context)
        case PruneUnits():
            return prune_units(checkpoint, step, context)
        case PruneEmbeddings():
            return prune_embeddings(checkpoint, step, context)
        case PruneBlocks():
            return prune_blocks(checkpoint, step, context)
        case PruneSensing():
            return prune_sensing(checkpoint, step, context)
        case DecomposeSvd():
            return decompose_svd(checkpoint, step, context)
        case DecomposeTucker():
            return decompose_tucker(checkpoint, step, context)
        case DecomposeCp():
            return decompose_cp(checkpoint, step, context)
        case Recover():
            return recover(checkpoint, step, context)
        case Distill():
            return distill(checkpoint, step, context)
        case Regularize():
            return regularize(checkpoint, step, context)
        case RateDistortion():
            return train_rate_distortion(checkpoint, step, context)
        case ShareRateDistortion():
            return share_rate_distortion(checkpoint, step, context)
        case ShareWeights():
            return share_weights(checkpoint, step, context)
        case ShareDictionary():
            return share_dictionary(checkpoint, step, context)
        case ShareKernels():
            return share_kernels(checkpoint, step, context)
        case QuantizeLog2():
            return quantize_log2(checkpoint, step, context)
        case QuantizeStatic():
            return quantize_static(checkpoint, step, context)
        case QuantizeDynamic():
            return quantize_dynamic(checkpoint, step, context)
        case QuantizeAware():
            return quantize_aware(checkpoint, step, context)
        case QuantizeChoose():
            return quantize_choose(checkpoint, step, context)
        case QuantizeMixed():
            return quantize_mixed(checkpoint, step, context)
        case QuantizeWeights():
            return quantize_weights(checkpoint, step, context)
        case QuantizeFloat(dtype="bfloat16"):
            return store_bfloat16(checkpoint, step, context)
        case QuantizeFloat():
            return quantize_float(checkpoint, step, context)
        case EncodeEntropy():
            return encode_entropy(checkpoint, step, context)
        case _:
            assert_never(step)
