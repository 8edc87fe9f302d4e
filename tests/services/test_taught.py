"""What training can be over HTTP beyond one model that learns one answer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.states import JobState
from tests.services.stand import CLASSES, INPUTS, SHAPE, Stand, stand_in

NARROW = 8


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand_in(tmp_path_factory.mktemp("taught")) as made:
        yield made


def narrow_net() -> onnx.ModelProto:
    """Untrained, with layers of its own: x -> Gemm small (8) -> Relu -> Gemm head -> y."""
    draw = np.random.default_rng(5)
    tensors = {"small": (INPUTS, NARROW), "head": (NARROW, CLASSES)}
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("Gemm", ["f", "small"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "head"], ["y"]),
        ],
        "narrow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", CLASSES])],
        [
            numpy_helper.from_array(draw.normal(size=shape).astype(np.float32) * 0.3, name)
            for name, shape in tensors.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_an_uploaded_student_is_taught_and_compressed_in_the_models_place(
    stand: Stand, tmp_path: Path
) -> None:
    onnx.save(narrow_net(), tmp_path / "narrow.onnx")
    student = stand.lathe.upload_model(tmp_path / "narrow.onnx").id
    steps = [
        {
            "technique": "train.distill",
            "student": student,
            "epochs": 15,
            "batch_size": 16,
            "optimizer": {"kind": "adam", "lr": 0.03},
        },
        {"technique": "prune.weights", "sparsity": 0.2, "protect": ["head"]},
    ]
    job = stand.lathe.wait(stand.lathe.submit(stand.spec(steps, "train")).id, timeout_s=300)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.verdict is not None
    assert f"the student {student}" in job.verdict.sentence
    report = stand.lathe.report(job.id)
    taught = report.steps[0].facts
    assert taught["student"] == student
    assert taught["parameters_of_the_model"] == 24 * 48 + 48 + 48 * 3 + 3
    assert taught["parameters_of_the_student"] == 24 * 8 + 8 * 3
    assert [layer.layer for layer in report.layers] == ["small", "head"]
    scores = {m.metric: m.value for m in report.candidates[0].measurements}
    assert scores["accuracy"] > 0.6
    files = {file.kind: file for file in stand.lathe.artifacts(job.id)}
    session = ort.InferenceSession(stand.lathe.download(files["onnx"], tmp_path))
    assert session.get_inputs()[0].shape == ["N", *SHAPE]
    (y,) = session.run(None, {"x": np.zeros((2, *SHAPE), np.float32)})
    assert y.shape == (2, CLASSES)
