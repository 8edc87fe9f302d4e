import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lathe import ids
from lathe.errors import DataMismatch
from lathe.facts import DatasetFacts, DType, IoSpec, SplitFacts, TensorSpec, Transform
from lathe.job import Split
from worker.engine.data import SplitSamples, transformed
from worker.engine.intake.tensor_file import write_tensors

DATASET = ids.new("dat")


def _store(path: Path, **arrays: np.ndarray) -> DatasetFacts:
    names = {name.replace("__", "/"): array for name, array in arrays.items()}
    write_tensors(
        path,
        {n: (_dtype(a), a.shape) for n, a in names.items()},
        [(n, a.tobytes()) for n, a in names.items()],
    )
    return DatasetFacts(format="npz", splits=(SplitFacts(name="train", examples=7, fields=()),))


def _dtype(array: np.ndarray) -> DType:
    name: DType = array.dtype.name  # type: ignore[assignment]
    return name


def _io(dtype: DType = "float32") -> IoSpec:
    return IoSpec(inputs=(TensorSpec(name="x", dtype=dtype, shape=("n", 2)),), outputs=())


def _open(
    path: Path, facts: DatasetFacts, samples: int | None = None, **more: Any
) -> SplitSamples:
    split = Split(dataset=DATASET, split="train", samples=samples)
    return SplitSamples.open(path, facts, split, _io(), **{"seed": 5, **more})


def test_rows_come_transformed_cast_and_with_their_labels(tmp_path: Path) -> None:
    facts = _store(
        tmp_path / "d",
        train__x=np.arange(14, dtype=np.uint8).reshape(7, 2),
        train__label=np.array([10, 11, 12, 13, 14, 15, 16]),
        train__group=np.array([0, 0, 1, 1, 2, 2, 2], np.uint8),
    )
    facts = facts.model_copy(
        update={"transforms": {"x": Transform(scale=0.5, mean=(1,), std=(4,))}}
    )
    samples = _open(tmp_path / "d", facts)
    rows = np.array([5, 1])
    # stored 10 11 and 2 3: (10 / 2 - 1) / 4 = 1
    inputs = samples.inputs(rows)["x"]
    assert inputs.tolist() == [[1.0, 1.125], [0.0, 0.125]]
    assert inputs.dtype == np.float32
    assert samples.labels(rows).tolist() == [15, 11]
    assert samples.groups(rows).tolist() == [2, 0]
    assert samples.count == 7
    assert samples.has_labels


def test_a_subset_is_seeded_without_replacement_and_shared_by_both_sides(
    tmp_path: Path,
) -> None:
    stored = np.arange(14, dtype=np.float32).reshape(7, 2)
    facts = _store(tmp_path / "d", train__a__x=stored, train__b__x=-stored)
    first = _open(tmp_path / "d", facts, 4, side="a")
    again = _open(tmp_path / "d", facts, 4, side="b")
    other = _open(tmp_path / "d", facts, 4, side="a", seed=6)
    rows = np.arange(4)
    chosen = first.inputs(rows)["x"][:, 0]
    assert first.count == 4
    assert len(set(chosen.tolist())) == 4
    assert np.array_equal(again.inputs(rows)["x"], np.negative(first.inputs(rows)["x"]))
    assert (other.inputs(rows)["x"] != first.inputs(rows)["x"]).any()
    assert not first.has_labels


def test_channels_last_images_become_channels_first_with_a_mean_a_channel() -> None:
    image = np.array([[[[10, 100], [20, 200], [30, 300]]]], np.uint16)  # (N=1, H=1, W=3, C=2)
    told = Transform(scale=2.0, mean=(1.0, 50.0), std=(1.0, 10.0), layout="nhwc")
    made = transformed(image, told, np.dtype("float32"))
    assert made.shape == (1, 2, 1, 3)
    assert made[0, 0, 0].tolist() == [19.0, 39.0, 59.0]  # 10 * 2 - 1
    assert made[0, 1, 0].tolist() == [15.0, 35.0, 55.0]  # (100 * 2 - 50) / 10


def test_channels_on_the_last_axis_are_found_and_others_refused() -> None:
    told = Transform(mean=(1.0, 2.0, 3.0))
    rows = np.zeros((1, 2, 3), np.float32)
    assert transformed(rows, told, np.dtype("float32"))[0, 1].tolist() == [-1.0, -2.0, -3.0]
    with pytest.raises(DataMismatch, match="3 channels"):
        transformed(np.zeros((1, 2, 5), np.float32), told, np.dtype("float32"))


def test_token_ids_stay_exact_integers() -> None:
    stored = np.array([[2**24 + 1]], np.int32)
    made = transformed(stored, Transform(), np.dtype("int64"))
    assert made.dtype == np.int64
    assert made.item() == 16_777_217  # float32 would have lost the last one


def test_the_named_output_says_which_label_is_read(tmp_path: Path) -> None:
    facts = _store(
        tmp_path / "d",
        train__x=np.zeros((7, 2), np.float32),
        train__label__box=np.full(7, 3),
        train__label__kind=np.full(7, 8),
    )
    assert _open(tmp_path / "d", facts, output="kind").labels(np.array([0])).tolist() == [8]
    assert not _open(tmp_path / "d", facts).has_labels


def test_a_further_task_reads_no_label_but_its_own(tmp_path: Path) -> None:
    facts = _store(
        tmp_path / "d",
        train__x=np.zeros((7, 2), np.float32),
        train__label=np.full(7, 3),
        train__label__kind=np.full(7, 8),
    )
    first, own, other = (
        _open(tmp_path / "d", facts, output=output, own_label=own)
        for output, own in (("kind", False), ("kind", True), ("box", True))
    )
    assert [int(one.labels(np.array([0]))[0]) for one in (first, own)] == [3, 8]
    assert not other.has_labels


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": 8}, "has 7 examples, not the 8"),
        ({"split": "test"}, "no split 'test'"),
        ({"side": "a"}, "no array 'train/a/x'"),
    ],
)
def test_what_the_data_set_does_not_have_is_named(
    change: dict[str, str], said: str, tmp_path: Path
) -> None:
    facts = _store(tmp_path / "d", train__x=np.zeros((7, 2), np.float32))
    side = change.pop("side", None)
    split = Split.model_validate({"dataset": DATASET, "split": "train", **change})
    with pytest.raises(DataMismatch, match=re.escape(said)):
        SplitSamples.open(tmp_path / "d", facts, split, _io(), seed=1, side=side)  # type: ignore[arg-type]


def test_opening_a_split_reads_no_rows(tmp_path: Path) -> None:
    facts = _store(tmp_path / "d", train__x=np.zeros((7, 2), np.float32))
    samples = _open(tmp_path / "d", facts)
    assert isinstance(samples.stored["x"], np.memmap)
    assert not isinstance(samples.inputs(np.array([0]))["x"], np.memmap)


def test_rows_are_read_in_stored_order_and_given_in_the_order_asked_for(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    class Watched:
        def __init__(self, stored: np.ndarray) -> None:
            self.stored = stored

        def __getitem__(self, places: np.ndarray) -> np.ndarray:
            asked.append(places.tolist())
            return self.stored[places]

    facts = _store(tmp_path / "d", train__x=np.arange(14, dtype=np.float32).reshape(7, 2) * 10)
    samples = _open(tmp_path / "d", facts)
    stored: Any = {"x": Watched(samples.stored["x"])}
    found = replace(samples, stored=stored).inputs(np.array([3, 0, 4, 0]))["x"]
    assert found[:, 0].tolist() == [60, 0, 80, 0]
    assert asked == [[0, 0, 3, 4]]
