import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lathe.errors import InvalidSpec, NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake, npz, picture, zipped

ROWS = 6000


def csv() -> bytes:
    return b"a,label\n" + b"".join(b"%d,%d\n" % (i, i % 5) for i in range(ROWS))


def parquet() -> bytes:
    held = io.BytesIO()
    rows = np.arange(ROWS)
    pq.write_table(pa.table({"a": rows, "label": rows % 5}), held, row_group_size=700)
    return held.getvalue()


@pytest.mark.parametrize("table", [csv, parquet])
def test_a_part_of_a_table_is_held_out_by_chance_and_rows_stay_together(
    table: type, intake: Intake
) -> None:
    facts, arrays = intake(table(), {"holdout": 0.2})
    train, test = arrays["train/x"].ravel(), arrays["test/x"].ravel()
    assert abs(len(test) - ROWS // 5) < 100  # 3 times the spread of a draw
    assert sorted([*train, *test]) == list(range(ROWS))
    assert np.array_equal(arrays["test/label"], test % 5)
    assert min(np.bincount(arrays["test/label"])) > 150  # labels in turns do not fool it
    again = intake(table(), {"holdout": 0.2})[1]
    assert np.array_equal(again["test/x"], arrays["test/x"])
    assert facts.summary is not None
    samples = facts.summary.splits[1].samples
    assert [int(one.values["x"][0]) for one in samples] == test[:3].tolist()
    assert samples[0].source is not None
    assert str(test[0] + (2 if table is csv else 1)) in samples[0].source


def test_dropped_rows_are_dropped_of_both_parts(intake: Intake) -> None:
    data = csv() + b",3\n" * 50
    _, arrays = intake(data, {"holdout": 0.5, "missing": "drop"})
    assert len(arrays["train/x"]) + len(arrays["test/x"]) == ROWS


def test_pictures_are_held_out_with_their_classes(intake: Intake) -> None:
    members = {f"{name}/{i}.png": picture(i) for i in range(60) for name in ("odd", "even")}
    members = {
        n: d for n, d in members.items() if (int(n[:-4].split("/")[1]) % 2) == (n[0] == "o")
    }
    facts, arrays = intake(zipped(members), {"holdout": 0.3})
    assert facts.classes == ("even", "odd")
    for split in ("train", "test"):
        shades = arrays[f"{split}/image"][:, 0, 0, 0]
        assert np.array_equal(shades % 2, arrays[f"{split}/label"])
    assert 8 < len(arrays["test/label"]) < 30
    assert len(arrays["test/label"]) + len(arrays["train/label"]) == 60


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped({"train.csv": b"a\n1\n", "val.csv": b"a\n1\n"}), "splits train, val already"),
        (zipped({"train/a/1.png": picture(1), "test/a/1.png": picture(2)}), "train, test alr"),
        (npz(train__x=np.ones(9)), "arrays are not divided"),
        (zipped({"0.npz": npz(x=np.ones(9))}), "arrays are not divided"),
    ],
)
def test_what_is_divided_already_or_cannot_be_is_refused(
    data: bytes, said: str, intake: Intake
) -> None:
    with pytest.raises(InvalidSpec, match=said) as refusal:
        intake(data, {"holdout": 0.5})
    assert refusal.value.param == "layout.holdout"


def test_too_few_examples_are_not_held_out(intake: Intake) -> None:
    with pytest.raises(NotADataset, match="none is left for 'test'"):
        intake(b"a\n1\n2\n", {"holdout": 0.001})
