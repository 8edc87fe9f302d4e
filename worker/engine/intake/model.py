"""An uploaded model becomes `canonical.onnx` and the facts about it, or a named refusal."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from lathe.errors import UnsupportedModel
from lathe.facts import Capabilities, ModelFacts, ModelStats
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.layers import layers
from worker.engine.graph.macs import macs
from worker.engine.graph.operators import operators
from worker.engine.graph.parameters import parameters
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.findings import limits_found
from worker.engine.intake.finite import check_finite
from worker.engine.intake.functions import inline_functions
from worker.engine.intake.load import load_model
from worker.engine.intake.opset import opset_of
from worker.engine.intake.random_inputs import index_bounds
from worker.engine.intake.runtime import check_loadable, check_structure
from worker.engine.intake.sparse import unfold_sparse
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import write_model
from worker.engine.view.torch_view import blocking_operators
from worker.wire import Limits


def inspect_model(upload: Path, out: Path, limits: Limits) -> ModelFacts:
    """Write the canonical form of `upload` to `out`; the facts speak of that file.

    `io` is the upload's, a fixed batch included. Large weights are never in memory: they go
    from the upload, or scratch space beside `out`, to the new file. Raises one of the
    UnsupportedModel family, and then leaves no file.
    """
    with TemporaryDirectory(dir=out.parent) as scratch, Spill(Path(scratch) / "spill") as spill:
        return _inspected(upload, Path(scratch), spill, out, limits)


def _inspected(
    upload: Path, scratch: Path, spill: Spill, out: Path, limits: Limits
) -> ModelFacts:
    model, model_format = load_model(upload, scratch / "unpacked", limits)
    model = inline_functions(model)
    io = io_spec(model)
    if not io.outputs or not io.inputs:
        missing = "outputs" if io.inputs else "inputs"
        raise UnsupportedModel(
            f"the model has no {missing}, so there is nothing to compress; export the network "
            "with the tensors it is called with and answers with"
        )
    unfold_sparse(model, spill)
    tidy(model)
    check_structure(model)
    check_finite(model)
    check_loadable(model)
    canonical = canonicalise(model, spill)
    blocking = blocking_operators(canonical.model)
    stats = _stats(canonical.model, write_model(canonical.model, out, aligned=True))
    return ModelFacts(
        format=model_format,
        io=io,
        stats=stats,
        capabilities=Capabilities(
            torch_view=not blocking,
            blocking_operators=blocking,
            batch_axis=canonical.batch_axis,
        ),
        tables=index_bounds(canonical.model),
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
