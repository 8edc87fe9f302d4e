from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped, mapped_bytes, place_of
from worker.engine.onnx_file.read import LARGE_BYTES, read_model
from worker.engine.onnx_file.write import write_model
from worker.engine.session import open_session, run

SIDE = 160  # a square of floats: 102,400 bytes, above the 65,536 that are mapped


def model(*initializers: onnx.TensorProto) -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.arange(SIDE * SIDE, dtype=np.float32), "flat")
    weights.dims[:] = [SIDE, SIDE]
    weights.doc_string = "a note"
    weights.name = "w"
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [weights, numpy_helper.from_array(np.full(SIDE, 7, np.float32), "b"), *initializers],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    made.doc_string = "behind the graph? no: before it"
    return made


def saved(made: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(made.SerializeToString(deterministic=True))
    return path


def test_a_large_initializer_stays_in_the_file_a_small_one_does_not(
    tmp_path: Path,
) -> None:
    read = read_model(saved(model(), tmp_path / "m.onnx"))
    large, small = read.graph.initializer
    assert is_mapped(large)
    assert not is_mapped(small)
    assert mapped_bytes(read) == 4 * SIDE * SIDE
    assert isinstance(array(large), np.memmap)
    assert array(large)[1, 2] == SIDE + 2
    assert array(small)[3] == 7
    assert read.ByteSize() < 2000


def test_what_was_read_is_written_back_byte_for_byte(tmp_path: Path) -> None:
    source = saved(model(), tmp_path / "m.onnx")
    size = write_model(read_model(source), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == source.read_bytes()
    assert size == source.stat().st_size


def test_an_aligned_file_is_the_same_model_with_its_tensors_at_multiples_of_64(
    tmp_path: Path,
) -> None:
    others = [
        numpy_helper.from_array(np.full(LARGE_BYTES // 2 + k, k, np.int16), f"i{k}")
        for k in range(5)
    ]
    source = saved(model(*others), tmp_path / "m.onnx")
    write_model(read_model(source), tmp_path / "aligned.onnx", aligned=True)
    read = read_model(tmp_path / "aligned.onnx")
    places = [place_of(t).offset % 64 for t in read.graph.initializer if is_mapped(t)]
    assert places == [0] * 6
    onnx.checker.check_model(str(tmp_path / "aligned.onnx"))
    again = onnx.load(tmp_path / "aligned.onnx")
    for old, new in zip(model(*others).graph.initializer, again.graph.initializer, strict=True):
        assert (numpy_helper.to_array(old) == numpy_helper.to_array(new)).all()
    assert [n.op_type for n in again.graph.node] == ["MatMul", "Add"]


def test_typed_floats_are_mapped_too(tmp_path: Path) -> None:
    typed = helper.make_tensor("t", TensorProto.FLOAT, [20_000], np.arange(20_000.0))
    read = read_model(saved(model(typed), tmp_path / "m.onnx"))
    mapped = read.graph.initializer[2]
    assert is_mapped(mapped)
    assert array(mapped)[19_999] == 19_999


def test_typed_integers_are_varints_and_stay(tmp_path: Path) -> None:
    typed = helper.make_tensor("t", TensorProto.INT32, [70_000], np.arange(70_000))
    tensor = read_model(saved(model(typed), tmp_path / "m.onnx")).graph.initializer[2]
    assert not is_mapped(tensor)
    assert array(tensor)[69_999] == 69_999


def test_numbers_of_four_bits_are_unpacked(tmp_path: Path) -> None:
    packed = TensorProto(
        name="q",
        data_type=TensorProto.UINT4,
        dims=[3 * LARGE_BYTES],
        raw_data=b"\x21" * (LARGE_BYTES * 3 // 2),
    )
    tensor = read_model(saved(model(packed), tmp_path / "m.onnx")).graph.initializer[2]
    assert is_mapped(tensor)
    assert array(tensor)[:4].astype(int).tolist() == [1, 2, 1, 2]


def test_the_runtime_computes_with_mapped_tensors(tmp_path: Path) -> None:
    made = model()
    read = read_model(saved(made, tmp_path / "m.onnx"))
    x = np.zeros((1, SIDE), np.float32)
    x[0, 2] = 1.0  # picks row 2: 2 * SIDE + column, and 7
    y = run(open_session(read), {"x": x})["y"]
    assert y[0, 3] == 2 * SIDE + 3 + 7


@pytest.mark.parametrize("cut", [1, 50, 60_000, 102_000])
def test_a_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    path = saved(model(), tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CorruptModel):
        read_model(path)


def test_an_empty_file_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(CorruptModel):
        read_model(tmp_path / "m.onnx")


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    source = saved(model(), tmp_path / "m.onnx")
    with pytest.raises(FileExistsError):
        write_model(read_model(source), source)
