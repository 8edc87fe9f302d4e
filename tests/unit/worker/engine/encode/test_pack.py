"""Packing and unpacking, end to end."""

import io
from pathlib import Path

import pytest

from lathe.packed import Limits, unpack
from lathe.packed.unpack import unpack_into
from tests.fuzz.crafted import plainly_packed
from tests.fuzz.random_graphs import random_onnx
from worker.engine.encode.pack import pack


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_come_back_bit_for_bit(seed: int) -> None:
    onnx, back = random_onnx(seed, most_nodes=4), io.BytesIO()
    unpack_into(plainly_packed(onnx), back, Limits())
    assert back.getvalue() == onnx


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_graphs_come_back_from_files_with_a_mixed_head(
    seed: int, tmp_path: Path
) -> None:
    onnx, packed, back = (tmp_path / name for name in ("a.onnx", "a.packed", "b.onnx"))
    onnx.write_bytes(random_onnx(seed, most_nodes=2))
    report = pack(onnx, packed, hints={}, profile="fast")
    assert report.head_coding == "mixed"
    assert unpack(packed, back) == report.onnx_bytes
    assert back.read_bytes() == onnx.read_bytes()
    assert packed.stat().st_size == report.packed_bytes
