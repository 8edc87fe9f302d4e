"""The gate that a downloaded file stands, apart from the service."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.matrix.gate import objections, score_of
from benchmarks.matrix.networks.network import Network
from benchmarks.matrix.subject import Subject


def _net(path: Path, weight: list[list[float]], output: str = "scores") -> Path:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], [output])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(np.array(weight, np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """Of four examples the net puts three right."""
    x = np.array([[2, 1], [1, 3], [5, 4], [7, 6]], np.float32)
    data = tmp_path / "data.npz"
    np.savez(data, **{"test/x": x, "test/label": np.array([0, 1, 1, 0])})
    network = Network(
        "net", lambda: None, lambda *_: {}, ("x",), ("scores",), {"kind": "classification"}
    )  # type: ignore[arg-type,return-value]
    return Subject(network, _net(tmp_path / "net.onnx", [[1, 0], [0, 1]]), data)


def _said(subject: Subject, model: Path, *, technique: str, score: float) -> list[str]:
    return list(objections(technique, subject, model, None, score))


def test_the_upload_itself_passes_with_its_own_score(subject: Subject) -> None:
    assert _said(subject, subject.model, technique="optimize.graph", score=0.75) == []


def test_a_score_that_the_report_alone_has_seen_does_not_pass(subject: Subject) -> None:
    (told,) = _said(subject, subject.model, technique="prune.weights", score=1.0)
    assert told == "onnxruntime gives the score 0.7500, the report tells 1.0000"


def test_another_output_name_does_not_pass(subject: Subject, tmp_path: Path) -> None:
    other = _net(tmp_path / "other.onnx", [[1, 0], [0, 1]], output="logits")
    (told,) = _said(subject, other, technique="prune.weights", score=0.75)
    assert "logits" in told


def test_nan_does_not_pass(subject: Subject, tmp_path: Path) -> None:
    broken = _net(tmp_path / "nan.onnx", [[float("nan"), 0], [0, 1]])
    told = _said(subject, broken, technique="prune.weights", score=0.5)
    assert "an answer is NaN or infinite at batch 1" in told


def test_only_what_promises_the_same_function_is_held_to_it(
    subject: Subject, tmp_path: Path
) -> None:
    near = _net(tmp_path / "near.onnx", [[1.001, 0], [0, 1]])
    assert _said(subject, near, technique="prune.weights", score=0.75) == []
    (told,) = _said(subject, near, technique="optimize.graph", score=0.75)
    # 0.007 at the largest, allowed are 7 * 1e-4 + 1e-5
    assert told == "its answers are 9.86 times as far off as rounding explains"


def test_numbers_are_scored_by_their_mean_squared_error(subject: Subject) -> None:
    said = {"scores": np.array([[1.0], [4.0]])}
    arrays = {"label": np.array([[3.0], [3.0]], np.float32)}
    assert score_of(subject, said, arrays) == (4 + 1) / 2
