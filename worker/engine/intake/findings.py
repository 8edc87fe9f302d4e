"""What limits the use of a model that is otherwise ready."""

from collections.abc import Iterator

import onnx

from lathe.facts import Finding, ModelStats
from worker.engine.graph.parameters import FLOATS, STORED_AS_INTEGERS

NARROW_FLOATS = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}


def limits_found(
    model: onnx.ModelProto, stats: ModelStats, blocking: tuple[str, ...]
) -> Iterator[Finding]:
    """Findings about operators without a trainable form and about the weights' types."""
    if blocking:
        yield Finding(
            code="no_torch_view",
            severity="info",
            message="techniques that train or prune cannot run, as these operators have no "
            f"trainable form: {', '.join(blocking)}; optimize.* and quantize.* can",
        )
    if STORED_AS_INTEGERS.keys() & stats.operators.keys():
        yield Finding(
            code="already_quantized",
            severity="warning",
            message="the model already holds quantised operators; upload the float model to "
            "have it compressed further",
        )
    kinds = {tensor.data_type for tensor in model.graph.initializer if tensor.dims}
    if not kinds & FLOATS:
        yield Finding(
            code="no_float_weights",
            severity="warning",
            message="the model holds no float weights, so no technique can shrink it",
        )
    for kind in sorted(kinds & NARROW_FLOATS.keys()):
        yield Finding(
            code="narrow_weights",
            severity="warning",
            message=f"weights are stored as {NARROW_FLOATS[kind]}; upload the float32 model "
            "for every technique",
        )
