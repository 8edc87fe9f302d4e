"""What is read out of a lowered file again: zeros, bytes, kernels, and its packed form."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.packed.limits import Limits
from lathe.packed.unpack import unpack
from lathe.techniques.quantize import PerBlock, PerChannel, QuantizeWeights, RoundToNearest
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.encode.pack import pack
from worker.engine.measure.executed import executed
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.write import write_model
from worker.engine.quantize.blocks.weights import quantize_weights
from worker.engine.run.layers_report import layer_reports

NAMES = ("conv", "up", "gemm", "table", "w", "left", "matmul", "turned")


@pytest.fixture
def sparse(wide: onnx.ModelProto) -> onnx.ModelProto:
    """`wide` with every third weight of each layer zero, others far from it."""
    for tensor in wide.graph.initializer:
        if tensor.name in NAMES:
            values: NDArray[np.float32] = np.array(array(tensor), np.float32)
            values[:] = np.where(values > 0, 1.0, -1.0)
            values.reshape(-1)[::3] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    return wide


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("granularity", [PerChannel(), PerBlock(size=16)], ids=str)
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_report_counts_weights_that_mean_zero(
    bits: int,
    granularity: PerChannel | PerBlock,
    sparse: onnx.ModelProto,
    seeing: Context,
    *,
    symmetric: bool,
) -> None:
    spec = QuantizeWeights.model_validate(
        {
            "bits": bits,
            "granularity": granularity,
            "symmetric": symmetric,
            "rounding": RoundToNearest(),
        }
    )
    model = quantize_weights(Checkpoint(sparse), spec, seeing).checkpoint.model
    reports = layer_reports(sparse, model, None, {})
    assert [one.layer for one in reports] == list(NAMES)
    for one in reports:
        assert one.nonzero == pytest.approx(2 / 3, abs=0.01), one
        assert one.bytes_after < one.bytes_before
        assert one.dtype == "uint8"


def test_the_report_says_what_runs(wide: onnx.ModelProto, seeing: Context) -> None:
    model = quantize_weights(Checkpoint(wide), QuantizeWeights(), seeing).checkpoint.model
    ran = executed(model).layers
    assert {name: ran[name] for name in (*NAMES, "r")} == {
        "conv": "FusedConv float32",
        "up": "ConvTranspose float32",
        "w": "LSTM float32",
        "r": "LSTM float32",
        "left": "MatMul float32",
        "table": "GatherBlockQuantized uint8",
        "gemm": "MatMulNBits uint8",
        "matmul": "MatMulNBits uint8",
        "turned": "MatMulNBits uint8",
    }


def test_a_packed_file_takes_three_bits_for_three_and_is_the_same_when_unpacked(
    wide: onnx.ModelProto, seeing: Context, tmp_path: Path
) -> None:
    spec = QuantizeWeights(bits=3, rounding=RoundToNearest())
    after = quantize_weights(Checkpoint(wide), spec, seeing).checkpoint
    path, packed = tmp_path / "blocks.onnx", tmp_path / "blocks.packed"
    size_bytes = write_model(after.model, path)
    report = pack(path, packed, hints={}, profile="fast")
    unpack(packed, tmp_path / "again.onnx", Limits(max_bytes=1 << 20))
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()
    assert packed.stat().st_size < 0.8 * size_bytes
    coded = {each.name: each for each in report.tensors}
    codes = coded["matmul_quantized"]  # in bytes of two
    assert codes.packed_bytes < 0.76 * codes.onnx_bytes
