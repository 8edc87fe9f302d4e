"""Lines that a child says to its supervisor: what runs behind the walls may be hostile."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.lines"]):
    from worker.lines import Garbled, message

from lathe.facts import FieldSpec
from tests.fuzz import json_edits
from tests.fuzz.target import Target

_FIELD = FieldSpec(name="x", dtype="float32", shape=(3,), minimum=0, maximum=1)
_LINES = [
    '{"kind":"said","level":"warning","text":"not confined"}',
    '{"kind":"progressed","progress":{"step":1,"fraction":0.5}}',
    '{"kind":"step_started","step":"slim"}',
    '{"kind":"training_saved","step":"slim","file":"a/b","epoch":3}',
    '{"kind":"refusal","failure":{"code":"corrupt_model","class":"unsupported_model",'
    '"message":"damaged","retryable":false}}',
    '{"kind":"dataset_inspected","canonical":"data.safetensors","facts":{"format":"npz",'
    '"splits":[{"name":"train","examples":3,"fields":[' + _FIELD.model_dump_json() + "]}],"
    '"transforms":{},"classes":[],"findings":[]}}',
    '{"kind":"model_inspected","canonical":"canonical.onnx","facts":{"format":"onnx","io":'
    '{"inputs":[],"outputs":[]},"stats":{"size_bytes":1,"parameters":1,"macs":1,"opset":18,'
    '"operators":{},"layers":[]},"capabilities":{"torch_view":true},"tables":{},"findings":[]}}',
]


def _one(data: bytes) -> None:
    told = message(json_edits.text(_LINES, data))
    assert message(told.model_dump_json().encode()) == told


def _seeds() -> Iterator[bytes]:
    yield from json_edits.seeds(_LINES)


TARGET = Target("messages of a child", _one, _seeds, refusals=(Garbled,), longest=512)
