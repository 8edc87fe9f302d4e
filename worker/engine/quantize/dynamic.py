"""Integer weights; activations get their range at run time, so no data is needed.

The runtime's integer kernels take MatMul (a Gemm becomes MatMul + Add), LSTM and Attention;
tables read by Gather are stored as integers and widened row by row. Convolutions have a
dynamic kernel as well, but a slow one (onnxruntime 1.31, ResNet-20, batch 1: 4.4 ms against
0.7 ms in floats), so they are lowered only where nothing else can be. GRU has no kernel and
stays float.
"""

from pathlib import Path

import onnx
from onnx import TensorProto
from onnxruntime.quantization import QuantType
from onnxruntime.quantization import quantize_dynamic as write_dynamic

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeDynamic
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.measure.environment import saturates
from worker.engine.outcome import Outcome
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts, weight_grids
from worker.engine.quantize.nodes import named, nodes_of
from worker.engine.quantize.refill import Blank
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.rewritten import rewritten
from worker.engine.quantize.tables import small_tables
from worker.engine.quantize.upright import upright

LOWERED = ("Gemm", "MatMul", "LSTM", "Attention", "EmbedLayerNormalization", "Gather")
LAST_RESORT = ("Conv",)


def quantize_dynamic(
    checkpoint: Checkpoint, spec: QuantizeDynamic, context: Context
) -> Outcome:
    """Lower every layer that the runtime has an integer kernel for and that is not excluded.

    LSTM weights are always signed and symmetric. Raises UnknownLayer for an excluded layer
    that the model does not have, StepImpossible where nothing can be lowered or the model is
    quantized already.
    """
    require_float(checkpoint.model)
    model = checkpoint.private()
    named(model)
    before = layers(model)
    excluded = {*nodes_of(model, spec.exclude), *small_tables(model), *_batch_first(model)}
    operators = _operators(model, excluded)
    turned = upright(model)
    reduced = saturates() and spec.weights.symmetric
    lowered = rewritten(
        model,
        context.folder,
        lambda source, target: _write(
            source, target, spec, operators, excluded, reduce_range=reduced
        ),
        operators,
        turned=turned,
        blank=Blank(reduced),
    )
    grids = weight_grids(before, lowered)
    facts = lowering_facts(checkpoint, lowered, before, frozenset(grids))
    facts |= {
        "convolutions": operators == LAST_RESORT,
        "weight_type": "int8" if spec.weights.symmetric else "uint8",
        "reduce_range": reduced,
    }
    return Outcome(lowered_checkpoint(checkpoint, lowered, grids), facts)


def _operators(model: onnx.ModelProto, excluded: set[str]) -> tuple[str, ...]:
    constants = initializers(model)
    able = {
        node.op_type
        for node in model.graph.node
        if node.name not in excluded
        and any(
            name in constants and constants[name].data_type == TensorProto.FLOAT
            for name in node.input[:2]
        )
    }
    for operators in (LOWERED, LAST_RESORT):
        if able & set(operators):
            return operators
    raise StepImpossible(
        "no layer of the model has a dynamic integer kernel (MatMul, Gemm, LSTM, Conv with "
        "constant weights, or a table read by Gather), or all of them are excluded"
    )


def _batch_first(model: onnx.ModelProto) -> list[str]:
    """LSTM nodes with the batch axis first: the quantizer forgets that attribute."""
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "LSTM" and any(a.name == "layout" and a.i for a in node.attribute)
    ]


def _write(
    source: Path,
    target: Path,
    spec: QuantizeDynamic,
    operators: tuple[str, ...],
    excluded: set[str],
    *,
    reduce_range: bool,
) -> None:
    write_dynamic(
        str(source),
        str(target),
        op_types_to_quantize=list(operators),
        per_channel=spec.weights.granularity.per == "channel",
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8 if spec.weights.symmetric else QuantType.QUInt8,
        nodes_to_exclude=sorted(excluded | {f"{name}_MatMul" for name in excluded}),
        extra_options={
            "WeightSymmetric": spec.weights.symmetric,
            "MatMulConstBOnly": True,
            "DefaultTensorType": TensorProto.FLOAT,  # where inference finds no type
        },
    )
