import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe import packed
from lathe.errors import StepImpossible
from lathe.outputs import OnnxOutput
from worker.engine.checkpoint import Multiples, Trait
from worker.engine.graph.io_spec import io_spec
from worker.engine.run.artifact import Written, write_artifact
from worker.engine.run.packing import packed_artifact

STEP = 0.25


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A layer of 40 x 30 weights that are few multiples of a step, most of them zero."""
    rng = np.random.default_rng(4)
    codes = rng.integers(-2, 3, (40, 30)) * (rng.random((40, 30)) < 0.2)
    weight = codes.astype(np.float32) * np.float32(STEP)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 30])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    output = OnnxOutput()
    return write_artifact(model, io_spec(model), output, tmp_path / "net.onnx")


def test_a_packed_file_unpacks_to_the_very_file_and_its_parts_are_the_whole(
    written: Written, tmp_path: Path
) -> None:
    traits = {"w": Trait(sparse=True, multiples=Multiples((STEP,), None, 2)), "b": Trait()}
    made = packed_artifact(written, traits, tmp_path / "net.packed", profile="small")
    file = tmp_path / made.file
    assert made.size_bytes == file.stat().st_size == sum(made.parts.values())
    assert made.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert made.size_bytes < written.size_bytes / 8
    (tensor,) = made.tensors
    assert (tensor.tensor, tensor.bytes_before) == ("w", 4800)
    assert tensor.bytes_after <= made.parts["tensors"]
    assert made.huffman_bytes is not None
    assert 0.5 * made.size_bytes < made.huffman_bytes < written.size_bytes / 6
    packed.unpack(file, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == written.path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        "net.onnx",
        "net.packed",
        "again.onnx",
    }


def test_a_file_that_comes_back_as_another_is_never_handed_over(
    written: Written, tmp_path: Path
) -> None:
    other = replace(written, sha256="0" * 64)
    with pytest.raises(RuntimeError, match="unpacks to"):
        packed_artifact(other, {}, tmp_path / "net.packed", profile="fast")


def test_a_model_that_lies_in_a_tar_is_refused(written: Written, tmp_path: Path) -> None:
    bundle = replace(written, path=written.path.with_suffix(".tar"))
    with pytest.raises(StepImpossible, match="one ONNX file"):
        packed_artifact(bundle, {}, tmp_path / "net.packed", profile="fast")
