"""Quantizing from stand-ins gives, to the bit, what onnxruntime makes of the weights."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import (  # type: ignore[import-untyped] # no stubs
    DecodeError,
)
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, save_tensors_data

from worker.engine.checkpoint import Checkpoint
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model
from worker.engine.quantize.refill import Blank
from worker.engine.quantize.rewritten import PRE_PROCESSED, rewritten
from worker.engine.quantize.upright import upright

Build = Callable[..., Checkpoint]
Write = Callable[[Path, Path], None]
SIDE = 160  # squared, 102,400 bytes of floats: more than what stays in memory
DYNAMIC = ("Gemm", "MatMul", "Gather")
STATIC = ("Conv", "Gemm", "MatMul", "Gather", "Add", "Relu")


def random(*shape: int) -> NDArray[np.float32]:
    made = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    made[..., 3 % shape[-1]] = 0.25  # a channel whose numbers all have one sign
    made[..., 5 % shape[-1]] = 0.0  # and one without a scale
    return made


def mapped(net: Checkpoint, path: Path) -> onnx.ModelProto:
    write_model(net.model, path)
    return read_model(path)


def tensors(model: onnx.ModelProto) -> dict[str, tuple[str, bytes, tuple[int, ...]]]:
    return {
        t.name: (str(array(t).dtype), array(t).tobytes(), tuple(t.dims))
        for t in model.graph.initializer
    }


def by_the_library(model: onnx.ModelProto, folder: Path, write: Write) -> onnx.ModelProto:
    source, target = folder / "whole.onnx", folder / "whole.lowered.onnx"
    marked = onnx.ModelProto()
    marked.CopyFrom(model)
    marked.metadata_props.add(key=PRE_PROCESSED[0], value=PRE_PROCESSED[1])
    write_model(marked, source)
    write(source, target)
    return onnx.load(target)


def same(ours: onnx.ModelProto, theirs: onnx.ModelProto) -> None:
    assert list(ours.graph.node) == list(theirs.graph.node)
    assert tensors(ours) == tensors(theirs)


@pytest.fixture
def reader(build: Build) -> Checkpoint:
    """A table, a MatMul, a Gemm with a transposed weight, and a constant that is only added."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"], name="look"),
        helper.make_node("Add", ["e", "places"], ["p"], name="place"),
        helper.make_node("MatMul", ["p", "u"], ["h"], name="up"),
        helper.make_node("Gemm", ["h", "v", "c"], ["y"], name="down", transB=1),
    ]
    weights = {
        "table": random(200, SIDE),
        "places": random(SIDE, SIDE),
        "u": random(SIDE, SIDE + 1),
        "v": random(SIDE + 2, SIDE + 1),
        "c": random(SIDE + 2),
    }
    ids, y = {"ids": [SIDE]}, {"y": [SIDE, SIDE + 2]}
    return build(nodes, weights, ids, y, integers=("ids",))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("channels", [True, False])
@pytest.mark.parametrize("reduced", [True, False])
def test_dynamic_integers_are_the_library_s_own(
    reader: Checkpoint, tmp_path: Path, signed: bool, channels: bool, reduced: bool
) -> None:
    if reduced and not signed:
        pytest.skip("unsigned weights are never reduced")
    model = mapped(reader, tmp_path / "net.onnx")

    def write(source: Path, target: Path) -> None:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(DYNAMIC),
            per_channel=channels,
            reduce_range=reduced,
            weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            extra_options={"WeightSymmetric": signed},
        )

    theirs = by_the_library(model, tmp_path, write)
    turned = upright(model)
    assert set(turned) == {"v"}
    ours = rewritten(model, tmp_path, write, DYNAMIC, turned=turned, blank=Blank(reduced))
    same(ours, theirs)
    assert is_mapped(next(t for t in ours.graph.initializer if t.name == "u_quantized"))


@pytest.mark.parametrize("form", [QuantFormat.QOperator, QuantFormat.QDQ])
@pytest.mark.parametrize("channels", [True, False])
def test_static_integers_and_biases_are_the_library_s_own(
    build: Build, tmp_path: Path, form: QuantFormat, channels: bool
) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "k", "b"], ["c"], name="first"),
        helper.make_node("Flatten", ["c"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w", "d"], ["h"], name="second", transB=1),
        helper.make_node("MatMul", ["h", "u"], ["m"], name="third"),
        helper.make_node("Add", ["m", "e"], ["y"], name="last"),
    ]
    weights = {
        "k": random(24, 80, 3, 3),
        "b": random(24),
        "w": random(150, 24 * 16),
        "d": random(150),
        "u": random(150, 140),
        "e": random(140),
    }
    net = build(nodes, weights, {"x": ["n", 80, 6, 6]}, {"y": ["n", 140]})
    model = mapped(net, tmp_path / "net.onnx")
    ranges = TensorsData(
        CalibrationMethod.MinMax,
        {n: (np.float32([-2]).max(), np.float32([3]).max()) for n in "xcfhmy"},
    )
    known = tmp_path / "ranges.json"
    save_tensors_data(ranges, known)

    def write(source: Path, target: Path) -> None:
        quantize_static(
            source,
            target,
            quant_format=form,
            op_types_to_quantize=list(STATIC),
            per_channel=channels,
            weight_type=QuantType.QInt8,
            calibration_cache_path=known,
        )

    theirs = by_the_library(model, tmp_path, write)
    ours = rewritten(model, tmp_path, write, STATIC)
    same(ours, theirs)
    assert is_mapped(next(t for t in ours.graph.initializer if t.name == "w_quantized"))


def test_a_float_weight_gets_its_own_numbers_back(reader: Checkpoint, tmp_path: Path) -> None:
    model = mapped(reader, tmp_path / "net.onnx")

    def write(source: Path, target: Path) -> None:
        quantize_dynamic(
            source, target, op_types_to_quantize=["Gather"], nodes_to_exclude=["look"]
        )

    turned = upright(model)
    ours = rewritten(model, tmp_path, write, DYNAMIC, turned=turned, blank=Blank(False))
    found = {t.name: array(t) for t in ours.graph.initializer}
    whole = {t.name: array(t) for t in reader.model.graph.initializer}
    assert (found["v"] == whole["v"].T).all()
    assert all((found[name] == whole[name]).all() for name in ("table", "places", "u", "c"))


def test_a_table_that_is_also_an_output_layer_keeps_its_rows(
    build: Build, tmp_path: Path
) -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"], name="look"),
        helper.make_node("Gemm", ["e", "table"], ["y"], name="say", transB=1),
    ]
    table = random(SIDE, SIDE + 7)
    net = build(nodes, {"table": table}, {"ids": [3]}, {"y": [3, SIDE]}, integers=("ids",))
    model = mapped(net, tmp_path / "net.onnx")
    turned = upright(model)
    assert set(turned) == {"table_transposed"}

    def write(source: Path, target: Path) -> None:
        quantize_dynamic(source, target, op_types_to_quantize=list(DYNAMIC), per_channel=True)

    ours = rewritten(model, tmp_path, write, DYNAMIC, turned=turned, blank=Blank(False))
    found = {t.name: array(t) for t in ours.graph.initializer}
    scale, zero = found["table_scale"], found["table_zero_point"]
    rows = (found["table_quantized"].astype(np.float32) - zero) * scale
    assert np.abs(rows - table).max() <= 0.51 * scale
    columns = found["table_transposed_quantized"] * found["table_transposed_scale"]
    assert (np.abs(columns - table.T) <= 0.51 * found["table_transposed_scale"]).all()


def test_a_copy_that_the_disk_cut_short_is_a_full_disk(
    convnet: Checkpoint, tmp_path: Path
) -> None:
    def onto_a_full_disk(source: Path, _: Path) -> None:
        copy = source.with_name("float-inferred.onnx")
        copy.write_bytes(source.read_bytes()[:-100])
        onnx.load(copy)

    with pytest.raises(OSError, match="full") as refused:
        rewritten(convnet.model, tmp_path, onto_a_full_disk, DYNAMIC)
    assert refused.value.errno == errno.ENOSPC


def test_a_copy_that_is_whole_and_unreadable_is_no_full_disk(
    convnet: Checkpoint, tmp_path: Path
) -> None:
    def into_nonsense(source: Path, _: Path) -> None:
        copy = source.with_name("float-inferred.onnx")
        copy.write_bytes(b"\xff" * source.stat().st_size)
        onnx.load(copy)

    with pytest.raises(DecodeError):
        rewritten(convnet.model, tmp_path, into_nonsense, DYNAMIC)
