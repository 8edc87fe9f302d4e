"""ONNX graphs, behind their file: all that is looked at before onnxruntime sees the model."""

from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "worker.engine.intake.functions", "worker.engine.intake.sparse",
        "worker.engine.intake.tidy", "worker.engine.intake.runtime",
        "worker.engine.intake.finite", "worker.engine.intake.tensors",
        "worker.engine.intake.text", "worker.engine.graph.io_spec",
        "worker.engine.graph.operators",
    ]
):  # fmt: skip
    from worker.engine.graph.io_spec import io_spec
    from worker.engine.intake.finite import check_finite
    from worker.engine.intake.functions import inline_functions
    from worker.engine.intake.runtime import check_structure
    from worker.engine.intake.sparse import unfold_sparse
    from worker.engine.intake.tensors import check_declared, every_tensor
    from worker.engine.intake.text import check_text
    from worker.engine.intake.tidy import tidy

import onnx

from tests.fuzz.message_edits import edited
from tests.fuzz.models import NAMES, models
from tests.fuzz.scratch import ROOM
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from worker.engine.intake.external_data import is_external
from worker.engine.onnx_file.spill import Spill

_MODELS = models()


def checked(data: bytes) -> onnx.ModelProto | None:
    """The model that the script makes, as far as intake gets with it before it is loaded; None
    for one that would have been refused as a file."""
    script, model = Script(data), onnx.ModelProto()
    model.CopyFrom(_MODELS[script.below(len(_MODELS))])
    edited(model, script, NAMES)
    model.ParseFromString(model.SerializeToString())  # as it would have been read
    if not model.graph.node or any(is_external(each) for each in every_tensor(model)):
        return None
    check_text(model)
    for tensor in every_tensor(model):
        check_declared(tensor)
    model = inline_functions(model)
    io = io_spec(model)
    if not io.inputs or not io.outputs:
        return None
    place = Path(ROOM, "spill").absolute()
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    with Spill(place) as spill:
        unfold_sparse(model, spill)
        tidy(model)
        check_structure(model)
        check_finite(model)
    return model


def _seeds() -> Iterator[bytes]:
    for number in range(len(_MODELS)):
        yield bytes([number])
        for first in range(0, 200, 8):
            yield bytes([number, first, first % 7, 1, 1, 3])


TARGET = Target("ONNX graphs", checked, _seeds, longest=64)
