from pathlib import Path

import numpy as np
import pytest

from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped, place_of
from worker.engine.onnx_file.spill import Spill


def test_large_values_go_to_the_file_one_after_the_other_and_small_ones_do_not(
    tmp_path: Path,
) -> None:
    with Spill(tmp_path / "spill") as spill:
        first = spill.tensor("a", np.full(70_001, 3, np.int8))
        second = spill.tensor("b", np.arange(40_000, dtype=np.float32).reshape(200, 200))
        small = spill.tensor("c", np.arange(3))
    assert place_of(first).offset == 0
    assert place_of(second).offset == 70_016  # the next multiple of 64
    assert array(first).sum() == 3 * 70_001
    assert array(second)[199, 199] == 39_999
    assert not is_mapped(small)


def test_a_tensor_comes_row_by_row(tmp_path: Path) -> None:
    rows = (np.full((100, 300), k, np.float32) for k in range(4))
    with Spill(tmp_path / "spill") as spill:
        tensor = spill.streamed("w", np.dtype(np.float32), (400, 300), rows)
    assert array(tensor)[[0, 100, 399], 7].tolist() == [0, 1, 3]


def test_too_few_rows_are_a_mistake(tmp_path: Path) -> None:
    with Spill(tmp_path / "spill") as spill, pytest.raises(ValueError, match="not a tensor"):
        spill.streamed("w", np.dtype(np.float32), (9, 9), (np.zeros(80, np.float32),))
