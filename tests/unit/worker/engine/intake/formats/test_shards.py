import io
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from lathe.errors import NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake, npz, tarred, zipped
from worker.wire import Limits


def _shard(first: int, count: int) -> dict[str, np.ndarray]:
    rows = np.arange(first, first + count)
    return {"x": np.stack([rows, rows * 10], axis=1).astype(np.float32), "label": rows % 3}


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
@pytest.mark.parametrize("pack", ["zip", "stored zip", "tar", "tar.gz"])
def test_shards_are_joined_in_the_order_of_their_numbers(
    kind: str, pack: str, intake: Intake
) -> None:
    save = (lambda a: npz(**a)) if kind == "npz" else safetensors.numpy.save
    members = {
        f"set/train-10.{kind}": save(_shard(9, 2)),
        f"set/train-3.{kind}": save(_shard(7, 2)),
        f"set/train-2.{kind}": save(_shard(4, 3)),
        f"set/test-0.{kind}": save(_shard(50, 1)),
    }
    data = (
        zipped(members, stored=pack == "stored zip")
        if "zip" in pack
        else tarred(members, "w:gz" if pack == "tar.gz" else "w")
    )
    facts, arrays = intake(data)
    assert facts.format == "shards"
    assert [(split.name, split.examples) for split in facts.splits] == [
        ("train", 7),
        ("test", 1),
    ]
    assert arrays["train/x"][:, 1].tolist() == [40, 50, 60, 70, 80, 90, 100]
    assert arrays["train/label"].tolist() == [1, 2, 0, 1, 2, 0, 1]
    assert arrays["test/x"].tolist() == [[50, 500]]


@pytest.mark.parametrize(
    "members",
    [
        {"train/0.npz": npz(**_shard(0, 2)), "val/0.npz": npz(**_shard(2, 1))},
        {
            "0.npz": npz(train__x=np.ones((2, 2)), train__label=np.arange(2)),
            "1.npz": npz(val__x=np.ones((1, 2)), val__label=np.arange(1)),
        },
        {"train.npz": npz(train__x=np.ones((2, 2))), "val.npz": npz(x=np.ones((1, 2)))},
    ],
    ids=["folders", "the arrays' names", "the files' names"],
)
def test_a_split_is_said_by_a_folder_a_file_or_an_array(
    members: dict[str, bytes], intake: Intake
) -> None:
    facts, _ = intake(tarred(members))
    assert [(split.name, split.examples) for split in facts.splits] == [
        ("train", 2),
        ("val", 1),
    ]


def test_one_folder_that_is_a_split_is_no_mere_wrapping(intake: Intake) -> None:
    facts, _ = intake(tarred({"set/val/0.npz": npz(**_shard(0, 2))}))
    assert [split.name for split in facts.splits] == ["val"]


def test_what_nothing_puts_in_a_split_is_of_the_one_that_is_said(intake: Intake) -> None:
    members = {"0.npz": npz(**_shard(0, 2)), "1.npz": npz(**_shard(2, 2))}
    facts, arrays = intake(tarred(members), {"split": "calibration"})
    assert facts.splits[0].name == "calibration"
    assert arrays["calibration/x"][:, 0].tolist() == [0, 1, 2, 3]


GOOD = npz(**_shard(0, 2))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"train-0.npz": GOOD, "train-1.npz": GOOD[:-30]}, "'train-1.npz' cannot be used"),
        ({"train-0.npz": GOOD, "1.npz": GOOD}, "which split '1.npz' belongs to"),
        (
            {"train-0.npz": GOOD, "train-1.npz": npz(x=np.ones((2, 2), np.float32))},
            "'train-1.npz' has no array 'train/label'",
        ),
        (
            {"0.npz": npz(x=np.ones((2, 3))), "1.npz": npz(x=np.ones((2, 4)))},
            r"\(4,\) in the shard '1.npz', and float64 of \(3,\)",
        ),
        ({"0.npz": npz(x=np.ones(2)), "1.npz": npz(x=np.array([1, np.nan]))}, "NaN"),
        ({"0.npz": npz(x=np.ones(2)), "1.npz": npz(x=np.array(3.0))}, "single number"),
        (
            {"0.safetensors": b"\x09" + bytes(7) + b"{nothing}"},
            "'0.safetensors' cannot be used",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_shard_is_said_with_its_name(
    members: dict[str, bytes], said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said):
        intake(tarred(members))


def test_all_shards_together_keep_the_limit(intake: Intake) -> None:
    held = io.BytesIO()
    np.savez_compressed(held, x=np.ones(300))
    members = {f"{i}.npz": held.getvalue() for i in range(4)}
    with pytest.raises(NotADataset, match="unfolds to 9600 bytes"):
        intake(tarred(members), limits=Limits(max_bytes=9500, max_members=9))


def test_a_shard_without_rows_adds_none_in_whatever_order_it_is_stored(intake: Intake) -> None:
    x, label = io.BytesIO(), io.BytesIO()
    form: dict[str, Any] = {"descr": "<f4", "fortran_order": True, "shape": (0, 2)}
    np.lib.format.write_array_header_1_0(x, form)
    np.save(label, np.arange(0))
    members = {"x.npy": x.getvalue(), "label.npy": label.getvalue()}
    data = {"train-0.npz": npz(**_shard(0, 2)), "train-1.npz": zipped(members)}
    _, arrays = intake(zipped(data))
    assert arrays["train/x"].tolist() == [[0, 0], [1, 10]]
