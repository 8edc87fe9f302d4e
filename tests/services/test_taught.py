"""What training can be over HTTP beyond one model that learns one answer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.states import JobState
from tests.services.stand import CLASSES, HIDDEN, INPUTS, SHAPE, Stand, net, stand_in

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


def two_headed_net() -> onnx.ModelProto:
    """x -> Gemm w1 -> Relu, then Gemm w2 -> y, the classes, and Gemm w3 -> tilt, a number."""
    model = net(np.random.default_rng(6))
    draw = np.random.default_rng(7)
    w3 = draw.normal(size=(HIDDEN, 1)).astype(np.float32) * 0.1
    model.graph.initializer.append(numpy_helper.from_array(w3, "w3"))
    model.graph.node.append(helper.make_node("Gemm", ["r", "w3"], ["tilt"]))
    tilt = helper.make_tensor_value_info("tilt", TensorProto.FLOAT, ["N", 1])
    model.graph.output.append(tilt)
    return model


def test_two_answers_are_trained_jointly_and_each_is_measured_and_limited(
    stand: Stand, tmp_path: Path
) -> None:
    draw = np.random.default_rng(3)
    arrays = {}
    for split, count in (("train", 600), ("test", 150)):
        x = draw.standard_normal((count, *SHAPE)).astype(np.float32)
        arrays |= {f"{split}/x": x, f"{split}/label": (x[:, 0, 0, 0] > 0).astype(np.int64)}
        arrays |= {f"{split}/label/tilt": x[:, 0, 1, :2].sum(axis=1)}
    np.savez(tmp_path / "both.npz", **arrays)
    onnx.save(two_headed_net(), tmp_path / "both.onnx")
    data = stand.lathe.upload_dataset(tmp_path / "both.npz").id
    task = {"kind": "classification", "output": "y", "metrics": ["accuracy"]}
    further = {"kind": "regression", "name": "lean", "output": "tilt", "weight": 0.5}
    steps = [
        {"technique": "train.recover", "epochs": 4, "optimizer": {"kind": "adam", "lr": 0.01}},
        {"technique": "prune.weights", "criterion": "taylor", "sparsity": 0.1},
        {"technique": "train.distill", "epochs": 1},
    ]
    spec = {
        "model": stand.lathe.upload_model(tmp_path / "both.onnx").id,
        "data": {
            "train": {"dataset": data, "split": "train"},
            "evaluation": {"dataset": data, "split": "test"},
        },
        "task": task | {"also": [further]},
        "constraints": [
            {"metric": "accuracy", "min": 0.6},
            {"metric": "lean.mse", "max_drop": 0.001},
        ],
        "objective": {"minimize": "lean.mse"},
        "pipeline": steps,
        "benchmark": {"runs": 10},
    }
    job = stand.lathe.wait(stand.lathe.submit(spec).id, timeout_s=300)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.verdict is not None
    assert job.verdict.constraints_met, job.verdict.sentence
    assert "lean.mse" in job.verdict.sentence
    report = stand.lathe.report(job.id)
    loss = "1 cross_entropy(y) + 0.5 mean_squared_error(tilt)"
    assert report.steps[0].facts["loss"] == loss
    files = {file.kind: file for file in stand.lathe.artifacts(job.id)}
    session = ort.InferenceSession(stand.lathe.download(files["onnx"], tmp_path))
    _, said = session.run(None, {"x": arrays["test/x"]})
    by_hand = float(np.square(said[:, 0] - arrays["test/label/tilt"]).mean())
    scores = {m.metric: m.value for m in report.candidates[0].measurements}
    assert scores["lean.mse"] == pytest.approx(by_hand, rel=1e-4)
    before = {m.metric: m.value for m in report.baseline.measurements}
    changes = {c.metric: c.change for c in report.candidates[0].against_baseline}
    assert changes["lean.mse"] == pytest.approx(scores["lean.mse"] - before["lean.mse"])
    page = stand.lathe.download(files["report.html"], tmp_path).read_text("utf-8")
    assert "Mean squared error, lean" in page


def test_a_loss_that_explodes_fails_by_name_and_hands_over_the_best_so_far(
    stand: Stand, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((60, *SHAPE)).astype(np.float32)
    far, near = np.full((60, CLASSES), 1e30, np.float32), np.zeros((60, CLASSES), np.float32)
    arrays = {"train/x": x, "train/label": far, "test/x": x, "test/label": near}
    np.savez(tmp_path / "far.npz", **arrays)
    data = stand.lathe.upload_dataset(tmp_path / "far.npz").id
    steps = [
        {"id": "mask", "technique": "prune.weights", "sparsity": 0.5},
        {"id": "train", "technique": "train.recover", "epochs": 1},
    ]
    splits = {
        purpose: {"dataset": data, "split": split}
        for purpose, split in (("train", "train"), ("evaluation", "test"))
    }
    spec = stand.spec(steps, task={"kind": "regression"}) | {"data": splits}
    job = stand.lathe.wait(stand.lathe.submit(spec).id, timeout_s=300)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert (job.failure.code, job.failure.step) == ("training_diverged", 1)
    assert "the very first training loss is inf" in job.failure.detail
    assert job.verdict is not None
    assert job.verdict.best == "mask"
    assert "onnx" in {file.kind for file in stand.lathe.artifacts(job.id)}
