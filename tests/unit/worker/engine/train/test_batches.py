"""Rows as tensors."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from worker.engine.context import Arrays
from worker.engine.train import batches as module
from worker.engine.train.batches import Batch, batches


class Counting:
    """Row k is the number k; remembers how it was asked."""

    count = 100
    has_labels = True

    def __init__(self) -> None:
        self.asked: list[int] = []

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        self.asked.append(len(rows))
        return {"x": rows.astype(np.float32)[:, None]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return rows * 10


def read(rows: list[int], size: int, **options: bool) -> list[Batch]:
    return list(
        batches(
            Counting(), np.array(rows), size, torch.device("cpu"),
            labels=options.pop("labels", True), **options,
        )
    )  # fmt: skip


def test_rows_keep_their_order_and_their_labels() -> None:
    found = read([5, 3, 9, 1, 7], 2)
    assert [b.rows.tolist() for b in found] == [[5, 3], [9, 1], [7]]
    assert [b.inputs["x"].ravel().tolist() for b in found] == [[5, 3], [9, 1], [7]]
    assert [b.labels.tolist() for b in found if b.labels is not None] == [
        [50, 30],
        [90, 10],
        [70],
    ]


def test_a_lone_last_example_is_left_out_only_where_asked_and_never_the_only_one() -> None:
    assert [b.examples for b in read([1, 2, 3], 2, lone_too=False)] == [2]
    assert [b.examples for b in read([1], 2, lone_too=False)] == [1]


def test_unlabelled_batches_have_no_labels() -> None:
    assert read([1, 2], 2, labels=False)[0].labels is None


def test_the_split_is_read_in_pieces_of_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 4 * 11)  # an example is 4 bytes
    samples = Counting()
    found = list(batches(samples, np.arange(23), 3, torch.device("cpu"), labels=False))
    assert samples.asked == [1, 9, 9, 5]  # one to see its size, then 9 = 3 batches of 3
    assert [b.examples for b in found] == [3] * 7 + [2]
