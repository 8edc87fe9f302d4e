"""Packing and unpacking, end to end."""

from pathlib import Path

import pytest

from lathe.packed import unpack
from tests.fuzz.random_graphs import random_onnx
from worker.engine.encode.pack import pack


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_come_back_bit_for_bit(seed: int, tmp_path: Path) -> None:
    onnx, packed, back = (tmp_path / name for name in ("a.onnx", "a.packed", "b.onnx"))
    onnx.write_bytes(random_onnx(seed, most_nodes=4))
    pack(onnx, packed, hints={}, profile="fast")
    unpack(packed, back)
    assert back.read_bytes() == onnx.read_bytes()
