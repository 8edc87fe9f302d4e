import re

import pytest

from lathe.job import JobSpec
from worker.engine.run.artifact_name import artifact_name, events_name, packed_name

MODEL = "mdl_" + "0" * 26


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LeNet 5/edge", "LeNet-5-edge-int8.onnx"),
        (None, f"{MODEL}-int8.onnx"),
        ("../..", f"{MODEL}-int8.onnx"),
        ("Größe", "Gr-e-int8.onnx"),
        ("x" * 200, "x" * 80 + "-int8.onnx"),
    ],
)
def test_a_file_name_is_safe_whatever_the_job_is_called(
    name: str | None, expected: str
) -> None:
    spec = JobSpec.model_validate(
        {"name": name, "model": MODEL, "pipeline": [{"technique": "quantize.dynamic"}]}
    )
    assert artifact_name(spec, "int8") == expected
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", expected)
    assert packed_name(spec, "int8") == expected.replace(".onnx", ".packed")
    stem = expected.removesuffix("-int8.onnx")
    assert events_name(spec) == f"events.out.tfevents.{stem}"
    assert artifact_name(spec, "int8", 17) == expected.replace(".onnx", ".opset17.onnx")
