import numpy as np

from worker.engine.onnx_file.blocks import blocks


def test_rows_come_in_order_and_as_many_as_fit() -> None:
    values = np.zeros((7, 5), np.float32)  # 20 bytes a row
    found = [(part.start, part.stop) for part in blocks(values, 45)]
    assert found == [(0, 2), (2, 4), (4, 6), (6, 7)]


def test_a_row_that_is_larger_than_a_block_comes_alone() -> None:
    values = np.zeros((3, 100), np.int8)
    assert [part.stop for part in blocks(values, 10)] == [1, 2, 3]


def test_nothing_has_no_blocks() -> None:
    assert list(blocks(np.zeros((0, 4), np.float32))) == []
