"""An uploaded model becomes `canonical.onnx` and the facts about it, or a named refusal."""

from pathlib import Path

import onnx

from lathe.errors import ModelTooLarge, UnsupportedModel
from lathe.facts import Capabilities, ModelFacts, ModelStats
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.layers import layers
from worker.engine.graph.macs import macs
from worker.engine.graph.operators import operators
from worker.engine.graph.parameters import parameters
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.external_data import MAX_PROTOBUF_BYTES, TOO_LARGE
from worker.engine.intake.findings import limits_found
from worker.engine.intake.finite import check_finite
from worker.engine.intake.functions import inline_functions
from worker.engine.intake.load import load_model
from worker.engine.intake.opset import opset_of
from worker.engine.intake.runtime import check_loadable, check_structure
from worker.engine.intake.tidy import tidy
from worker.engine.view.torch_view import blocking_operators
from worker.wire import Limits


def inspect_model(upload: Path, out: Path, limits: Limits) -> ModelFacts:
    """Write the canonical form of `upload` to `out`; the facts speak of that file.

    `io` is the upload's, a fixed batch included. Raises one of the UnsupportedModel family,
    and then leaves no file. Scratch space is taken beside `out` and given back.
    """
    model, model_format = load_model(upload, out.parent, limits)
    model = inline_functions(model)
    io = io_spec(model)
    if not io.outputs or not io.inputs:
        missing = "outputs" if io.inputs else "inputs"
        raise UnsupportedModel(
            f"the model has no {missing}, so there is nothing to compress; export the network "
            "with the tensors it is called with and answers with"
        )
    tidy(model)
    check_structure(model)
    check_finite(model)
    check_loadable(model)
    canonical = canonicalise(model)
    data = canonical.model.SerializeToString(deterministic=True)
    if len(data) > MAX_PROTOBUF_BYTES:
        raise ModelTooLarge(TOO_LARGE)
    blocking = blocking_operators(canonical.model)
    stats = _stats(canonical.model, len(data))
    out.write_bytes(data)
    return ModelFacts(
        format=model_format,
        io=io,
        stats=stats,
        capabilities=Capabilities(
            torch_view=not blocking,
            blocking_operators=blocking,
            batch_axis=canonical.batch_axis,
        ),
        findings=(*canonical.findings, *limits_found(canonical.model, stats, blocking)),
    )


def _stats(model: onnx.ModelProto, size_bytes: int) -> ModelStats:
    return ModelStats(
        size_bytes=size_bytes,
        parameters=parameters(model),
        macs=macs(model),
        opset=opset_of(model),
        operators=operators(model),
        layers=layers(model),
    )
