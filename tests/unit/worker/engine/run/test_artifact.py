import hashlib
import tarfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import StepImpossible
from lathe.facts import Dim, IoSpec, TensorSpec
from lathe.outputs import OnnxOutput
from worker.engine.context import Arrays
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.read import read_model
from worker.engine.run.artifact import write_artifact
from worker.engine.run.slim import slim
from worker.engine.session import open_session, run


def doors(batch: Dim) -> IoSpec:
    return IoSpec(
        inputs=(TensorSpec(name="x", dtype="float32", shape=(batch, 3, 5, 5)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(batch, 4)),),
    )


def convnet() -> onnx.ModelProto:
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], name="conv", doc_string="why"),
        helper.make_node("ReduceMean", ["c", "axes"], ["y"], name="pool", keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [
            numpy_helper.from_array(weight, "conv.weight"),
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(np.zeros(99, dtype=np.float32), "forgotten"),
        ],
        value_info=[helper.make_tensor_value_info("c", TensorProto.FLOAT, ["N", 4, 3, 3])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(
        graph, opset_imports=opsets, doc_string="a long story", ir_version=10
    )
    helper.set_model_props(model, {"author": "someone"})
    return model


def test_the_doors_of_the_upload_come_back_with_a_fixed_batch_fixed_again(
    tmp_path: Path,
) -> None:
    for batch in (1, "batch_size", None):
        path = tmp_path / f"{batch}.onnx"
        write_artifact(convnet(), doors(batch), OnnxOutput(), path)
        assert io_spec(onnx.load(path)) == doors(batch)


def test_doors_that_cannot_be_those_of_the_upload_are_a_bug(tmp_path: Path) -> None:
    wanted = doors(1)
    renamed = wanted.outputs[0].model_copy(update={"name": "logits"})
    with pytest.raises(RuntimeError, match="logits"):
        write_artifact(
            convnet(),
            IoSpec(inputs=wanted.inputs, outputs=(renamed,)),
            OnnxOutput(),
            tmp_path / "out.onnx",
        )


def test_the_same_model_gives_the_same_bytes_and_the_hash_of_the_file(tmp_path: Path) -> None:
    first = write_artifact(convnet(), doors("N"), OnnxOutput(), tmp_path / "a.onnx")
    second = write_artifact(convnet(), doors("N"), OnnxOutput(), tmp_path / "b.onnx")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.size_bytes == len(first.path.read_bytes())


def test_the_file_format_is_the_oldest_that_the_operators_allow(tmp_path: Path) -> None:
    model = convnet()
    model.ir_version = 14  # onnxruntime 1.31 refuses this one
    write_artifact(model, doors("N"), OnnxOutput(), tmp_path / "out.onnx")
    assert onnx.load(tmp_path / "out.onnx").ir_version == 8


def test_what_nothing_reads_is_dropped_and_the_layers_keep_their_names() -> None:
    model = convnet()
    small = slim(model)
    assert [tensor.name for tensor in small.graph.initializer] == ["conv.weight", "axes"]
    assert [node.name for node in small.graph.node] == ["conv", "pool"]
    text = small.SerializeToString()
    assert not any(word in text for word in (b"long story", b"why", b"someone", b"microsoft"))
    assert not small.graph.value_info
    assert [tensor.name for tensor in model.graph.initializer][-1] == "forgotten"


def test_negative_integers_are_stored_one_byte_each() -> None:
    model = convnet()
    spendthrift = helper.make_tensor("conv.bias", TensorProto.INT8, [50], [-7] * 50)
    assert spendthrift.ByteSize() > 500
    model.graph.initializer.append(spendthrift)
    model.graph.node.append(helper.make_node("Identity", ["conv.bias"], ["z"]))
    kept = slim(model).graph.initializer[-1]
    assert kept.ByteSize() < 75
    assert kept.data_type == TensorProto.INT8
    np.testing.assert_array_equal(numpy_helper.to_array(kept), np.full(50, -7))


def test_another_opset_gives_the_same_function(tmp_path: Path) -> None:
    x: Arrays = {"x": np.random.default_rng(5).standard_normal((2, 3, 5, 5)).astype(np.float32)}
    path = tmp_path / "out.onnx"
    write_artifact(convnet(), doors("N"), OnnxOutput(opset=17), path)
    assert [entry.version for entry in onnx.load(path).opset_import] == [17]
    before, after = (run(open_session(net), x)["y"] for net in (convnet(), path))
    assert float(np.abs(before.astype(np.float64) - after.astype(np.float64)).max()) < 1e-6


def test_an_operator_outside_the_standard_set_refuses_another_opset(tmp_path: Path) -> None:
    model = convnet()
    model.graph.node[1].output[0] = "mean"
    model.graph.node.append(helper.make_node("Gelu", ["mean"], ["y"], domain="com.microsoft"))
    write_artifact(model, doors("N"), OnnxOutput(opset=18), tmp_path / "same.onnx")
    with pytest.raises(StepImpossible, match=r"com\.microsoft:Gelu"):
        write_artifact(model, doors("N"), OnnxOutput(opset=17), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_translation_that_computes_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistranslated(model: onnx.ModelProto, _: int) -> onnx.ModelProto:
        other = slim(model)
        other.graph.node[1].op_type = "ReduceMax"
        return other

    monkeypatch.setattr("onnx.version_converter.convert_version", mistranslated)
    with pytest.raises(StepImpossible, match="from opset 18 to 19"):
        write_artifact(convnet(), doors("N"), OnnxOutput(opset=19), tmp_path / "out.onnx")


def wide(path: Path) -> onnx.ModelProto:
    """x -> MatMul with 90,000 bytes of weights, mapped, -> sum over the axes in a constant."""
    weight = np.random.default_rng(4).standard_normal((75, 300)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Reshape", ["m", "shape"], ["r"]),
        helper.make_node("ReduceMean", ["r", "axes"], ["y"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.array([-1, 4, 75]), "shape"),
            numpy_helper.from_array(np.array([2]), "axes"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return read_model(path)


def answer(model: onnx.ModelProto | Path) -> NDArray[np.generic]:
    x = np.random.default_rng(5).standard_normal((2, 3, 5, 5)).astype(np.float32)
    return run(open_session(model), {"x": x})["y"]


def test_mapped_weights_are_written_whole_and_the_runtime_reads_the_file(
    tmp_path: Path,
) -> None:
    model = wide(tmp_path / "m.onnx")
    written = write_artifact(model, doors("N"), OnnxOutput(), tmp_path / "out.onnx")
    assert written.size_bytes > 90_000
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()
    assert written.runs_as.layers == {"w": "MatMul float32"}
    assert (
        not onnx.load(written.path, load_external_data=False).graph.initializer[0].external_data
    )
    np.testing.assert_array_equal(answer(written.path), answer(model))


def test_mapped_weights_are_there_at_another_opset(tmp_path: Path) -> None:
    model = wide(tmp_path / "m.onnx")
    written = write_artifact(model, doors("N"), OnnxOutput(opset=17), tmp_path / "out.onnx")
    assert [entry.version for entry in onnx.load(written.path).opset_import] == [17]
    assert [value.name for value in onnx.load(written.path).graph.input] == ["x"]
    np.testing.assert_allclose(answer(written.path), answer(model), atol=1e-6)


def test_what_no_single_file_may_hold_becomes_a_tar_with_external_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.run.artifact.MOST_BYTES", 80_000)
    model = wide(tmp_path / "m.onnx")
    written = write_artifact(model, doors(1), OnnxOutput(), tmp_path / "a.opset17.onnx")
    assert written.path.name == "a.opset17.tar"
    assert written.size_bytes == written.path.stat().st_size > 90_000
    with tarfile.open(written.path) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    unpacked = tmp_path / "out" / "model.onnx"
    assert io_spec(onnx.load(unpacked)) == doors(1)
    x = np.random.default_rng(5).standard_normal((1, 3, 5, 5)).astype(np.float32)
    (y,) = onnxruntime.InferenceSession(str(unpacked)).run(None, {"x": x})
    np.testing.assert_allclose(y, run(open_session(model), {"x": x})["y"], atol=1e-6)
