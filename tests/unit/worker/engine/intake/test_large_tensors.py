"""Large tensors on their way through inspection: found where they lie, never taken along."""

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel, NonFiniteWeights, UnsafeExternalData
from lathe.facts import ModelFacts
from worker.engine.graph.initializers import initializers
from worker.engine.intake import sparse as sparse_module
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.load import load_model
from worker.engine.intake.sparse import FREE_BYTES, unfold_sparse
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import Place, is_mapped, place_of, put
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.spill import Spill
from worker.wire import Limits

SIDE = 150  # squared, in floats: 90,000 bytes, more than the 65,536 that are large
WEIGHT = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE) / SIDE**2
BIAS = np.full(SIDE, 7, np.float32)
LIMITS = Limits()


class Inspect(Protocol):
    def __call__(self, data: bytes, limits: Limits = ...) -> ModelFacts: ...


def _linear(*, opset: int = 18) -> onnx.ModelProto:
    """Float "x" (n, 150) times "w" (150, 150) plus "b" is "y"; softmax to make a converter
    work."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["s"]),
            helper.make_node("Softmax", ["s"], ["y"], axis=1),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(BIAS, "b")],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _outside(model: onnx.ModelProto, **places: tuple[int, int]) -> onnx.ModelProto:
    """These initializers lie in w.bin at (offset, length)."""
    for tensor in model.graph.initializer:
        if tensor.name in places:
            offset, length = places[tensor.name]
            put(tensor, Place(Path("/w.bin"), offset, length))
    return model


def _zip(members: dict[str, bytes], method: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return held.getvalue()


def _tar(members: dict[str, bytes], mode: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


PACKS: dict[str, tuple[Callable[[dict[str, bytes]], bytes], bool]] = {
    "stored zip": (lambda members: _zip(members, zipfile.ZIP_STORED), True),
    "tar": (lambda members: _tar(members, "w"), True),
    "deflated zip": (lambda members: _zip(members, zipfile.ZIP_DEFLATED), False),
    "tar.gz": (lambda members: _tar(members, "w:gz"), False),
}


@pytest.mark.parametrize("pack", PACKS)
def test_weights_in_an_archive_are_found_where_they_lie_and_small_ones_are_read(
    pack: str, tmp_path: Path
) -> None:
    upload, folder = tmp_path / "upload", tmp_path / "unpacked"
    packed, in_place = PACKS[pack]
    data = b"skip" + BIAS.tobytes() + WEIGHT.tobytes()
    model = _outside(_linear(), b=(4, 600), w=(604, 90_000))
    upload.write_bytes(packed({"m.onnx": model.SerializeToString(), "w.bin": data}))
    found, _ = load_model(upload, folder, LIMITS)
    weight, bias = found.graph.initializer
    assert place_of(weight).path == (upload if in_place else folder / "w.bin")
    assert np.array_equal(array(weight), WEIGHT)
    assert not is_mapped(bias)
    assert array(bias).tolist() == [7] * SIDE
    assert folder.exists() != in_place


def test_a_model_inside_a_stored_zip_is_read_where_it_lies(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    members = {"note.txt": b"before", "m.onnx": _linear().SerializeToString()}
    upload.write_bytes(_zip(members, zipfile.ZIP_STORED))
    found, _ = load_model(upload, tmp_path / "unpacked", LIMITS)
    assert place_of(found.graph.initializer[0]).path == upload
    assert np.array_equal(array(found.graph.initializer[0]), WEIGHT)


@pytest.mark.parametrize("place", ["upload", "etc/hostname"])
def test_a_lone_file_cannot_say_where_its_tensors_lie(place: str, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    model = _outside(_linear(), w=(0, 90_000))
    location = str(upload).lstrip("/") if place == "upload" else place
    model.graph.initializer[0].external_data[0].value = location
    upload.write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeExternalData, match="upload a zip"):
        load_model(upload, tmp_path, LIMITS)


def test_a_bit_that_flipped_in_a_stored_member_is_noticed(inspect: Inspect) -> None:
    data = bytearray(_zip({"m.onnx": _linear().SerializeToString()}, zipfile.ZIP_STORED))
    data[50_000] ^= 1
    with pytest.raises(CorruptModel, match="to its end"):
        inspect(bytes(data))


@pytest.mark.parametrize("opset", [13, 18])
def test_the_canonical_file_has_the_same_weights_at_multiples_of_64(
    opset: int, inspect: Inspect, tmp_path: Path
) -> None:
    facts = inspect(_linear(opset=opset).SerializeToString())
    canonical = tmp_path / "out" / "canonical.onnx"
    assert facts.stats.opset == 18
    assert facts.stats.size_bytes == canonical.stat().st_size
    assert facts.capabilities.torch_view
    weight = initializers(read_model(canonical))["w"]
    assert place_of(weight).offset % 64 == 0
    assert np.array_equal(array(weight), WEIGHT)
    assert [path.name for path in canonical.parent.iterdir()] == ["canonical.onnx"]


def test_a_number_that_is_not_finite_is_found_in_a_mapped_weight(inspect: Inspect) -> None:
    model = _linear()
    broken = WEIGHT.copy()
    broken[149, 149] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(broken, "w"))
    with pytest.raises(NonFiniteWeights, match="'w' holds 1 NaN"):
        inspect(model.SerializeToString())


def test_a_mapped_tensor_of_another_size_than_declared_is_corrupt(inspect: Inspect) -> None:
    model = _linear()
    model.graph.initializer[0].dims[:] = [SIDE, SIDE + 1]
    with pytest.raises(CorruptModel, match=r"90600 bytes\) but holds 90000"):
        inspect(model.SerializeToString())


def test_computed_and_constant_tensors_that_are_large_are_spilled(tmp_path: Path) -> None:
    model = _linear()
    del model.graph.initializer[0]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(
        [
            helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(WEIGHT)),
            helper.make_node("Transpose", ["t"], ["u"], perm=[1, 0]),
            helper.make_node("Add", ["u", "c"], ["w"]),
            helper.make_node("Mul", ["x", "row"], ["m"]),
            helper.make_node("MatMul", ["m", "c"], ["p"]),
            helper.make_node("MatMul", ["p", "w"], ["h"]),
            *nodes[1:],
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(WEIGHT, "t"))
    model.graph.initializer.append(numpy_helper.from_array(BIAS / 700, "row"))
    tidy(model)
    with Spill(tmp_path / "spill") as spill:
        canonical = canonicalise(model, spill)
    assert canonical.findings == []
    found = initializers(canonical.model)
    assert found.keys() == {"c", "w", "row", "b"}
    assert {place_of(found[name]).path for name in ("c", "w")} == {tmp_path / "spill"}
    assert np.array_equal(array(found["c"]), WEIGHT)
    assert np.array_equal(array(found["w"]), WEIGHT.T + WEIGHT)


@pytest.mark.parametrize(
    ("dims", "values", "places"),
    [
        ([2, 2], np.ones(1, np.float32), np.array([0.5])),
        ([2, 2], np.ones(1, np.float32), np.array([4])),
        ([2, 2], np.ones(1, np.float32), np.array([[0, 0, 0]])),
        ([2, 2], np.ones(1, np.float32), np.array([[0, 2]])),
        ([2, 2], np.ones(1, np.float32), np.array([[[0, 0]]])),
        ([2, 2], np.ones(2, np.float32), np.array([1])),
        ([2, 2], np.array(["a"]), np.array([1])),
    ],
)
def test_a_sparse_weight_with_broken_indices_is_corrupt(
    dims: list[int], values: Any, places: Any, tmp_path: Path
) -> None:
    sparse = onnx.SparseTensorProto(dims=dims)
    sparse.values.CopyFrom(numpy_helper.from_array(values, "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(places))
    model = onnx.ModelProto()
    model.graph.sparse_initializer.append(sparse)
    with (
        Spill(tmp_path / "spill") as spill,
        pytest.raises(CorruptModel, match="the sparse tensor 's'"),
    ):
        unfold_sparse(model, spill)


def test_a_sparse_weight_of_many_numbers_takes_little_memory(tmp_path: Path) -> None:
    sparse = onnx.SparseTensorProto(dims=[1 << 24])
    sparse.values.CopyFrom(numpy_helper.from_array(np.array([5, 6], np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([(1 << 24) - 1, 1 << 20])))
    model = onnx.ModelProto()
    model.graph.sparse_initializer.append(sparse)
    with Spill(tmp_path / "spill") as spill:
        tracemalloc.start()
        unfold_sparse(model, spill)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 16 << 20  # of 64 MiB in the file
    dense = array(model.graph.initializer[0])
    assert (dense[-1], dense[1 << 20], dense.sum()) == (5, 6, 11)


@pytest.mark.parametrize(
    ("dims", "tensors"),
    [([1 << 28], 1), ([(1 << 24) + 1], 1), ([1 << 23], 3), ([1 << 62, 1 << 62], 1), ([-1], 1)],
)
def test_sparse_weights_of_a_few_bytes_do_not_unfold_to_more_than_is_harmless(
    dims: list[int], tensors: int, tmp_path: Path
) -> None:
    model = onnx.ModelProto()
    for number in range(tensors):
        sparse = model.graph.sparse_initializer.add(dims=dims)
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), f"s{number}"))
        sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64)))
    refused = f"the sparse tensor 's{tensors - 1}' unfolds to .* more than 200 times their size"
    with Spill(tmp_path / "spill") as spill, pytest.raises(CorruptModel, match=refused):
        unfold_sparse(model, spill)
    assert (tmp_path / "spill").stat().st_size <= FREE_BYTES


def test_sparse_weights_with_many_values_may_unfold_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_module, "FREE_BYTES", 1000)
    model = onnx.ModelProto()
    sparse = model.graph.sparse_initializer.add(dims=[200 * 12 * 10 // 4])
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(10, np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(10)))
    with Spill(tmp_path / "spill") as spill:
        unfold_sparse(model, spill)
    assert array(model.graph.initializer[0]).sum() == 10


def test_a_sparse_weight_is_written_out_to_the_spill(tmp_path: Path) -> None:
    sparse = onnx.SparseTensorProto(dims=[300, 200])
    sparse.values.CopyFrom(numpy_helper.from_array(np.array([5, 6], np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([[0, 3], [299, 1]], np.int64)))
    model = onnx.ModelProto()
    model.graph.sparse_initializer.append(sparse)
    with Spill(tmp_path / "spill") as spill:
        unfold_sparse(model, spill)
    (dense,) = model.graph.initializer
    assert is_mapped(dense)
    assert dense.name == "s"
    assert array(dense)[0, 3] == 5
    assert array(dense)[299, 1] == 6
    assert array(dense).sum() == 11
