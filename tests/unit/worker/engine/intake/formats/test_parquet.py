import io
import json
from typing import Any

import numpy as np
import pytest

from lathe.errors import NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake, picture, tarred, zipped
from tests.unit.worker.engine.intake.formats.test_tokens import tokenizer

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
parquet_claims = pytest.importorskip("worker.engine.intake.formats.table.parquet_claims")


def parquet(table: dict[str, Any], *, rows: int = 2) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table(table), held, row_group_size=rows)
    return held.getvalue()


def test_numbers_texts_and_lists_become_arrays(intake: Intake) -> None:
    table = {
        "a": pa.array([1, 2, 3, 4, 5], pa.int16()),
        "b": pa.array([0.5, 1, 2, 3, 4], pa.float32()),
        "embedding": pa.array([[i, i * 2, 9] for i in range(5)], pa.list_(pa.uint8())),
        "label": pa.array(["no", "yes", "no", "no", "yes"]).dictionary_encode(),
    }
    facts, arrays = intake(parquet(table))
    assert (facts.format, facts.classes) == ("parquet", ("no", "yes"))
    assert arrays["train/x"].tolist() == [[1, 0.5], [2, 1], [3, 2], [4, 3], [5, 4]]
    assert arrays["train/embedding"].dtype == np.uint8
    assert arrays["train/embedding"][4].tolist() == [4, 8, 9]
    assert arrays["train/label"].tolist() == [0, 1, 0, 0, 1]
    assert facts.summary is not None
    assert facts.summary.splits[0].samples[2].source == "row 3"


def test_nested_lists_are_matrices(intake: Intake) -> None:
    rows = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    table = {
        "image": pa.array(rows.tolist(), pa.list_(pa.list_(pa.float32(), 3))),
        "label": [3, 1, 0, 2],
    }
    _, arrays = intake(parquet(table))
    assert np.array_equal(arrays["train/image"], rows)
    assert arrays["train/label"].dtype == np.int64


def test_whole_numbers_are_stored_in_as_few_bytes_as_they_need(intake: Intake) -> None:
    table = {"a": pa.array([7, 300, None, 2], pa.int64()), "b": [True, False, True, True]}
    _, arrays = intake(parquet(table), {"missing": "drop"})
    assert arrays["train/x"].dtype == np.int16
    assert arrays["train/x"].tolist() == [[7, 1], [300, 0], [2, 1]]


def test_pictures_in_a_column_are_decoded(intake: Intake) -> None:
    files = [picture((9, 8, 7)), picture((1, 2, 3))]
    table = {
        "img": [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(files)],
        "label": [1, 0],
    }
    facts, arrays = intake(parquet(table))
    assert arrays["train/image"].shape == (2, 3, 3, 4)
    assert arrays["train/image"][1, :, 2, 3].tolist() == [1, 2, 3]
    assert facts.splits[0].field("label") is not None


def test_tables_of_several_splits_with_a_tokenizer(intake: Intake) -> None:
    members = {
        "data/train-00000-of-00002.parquet": parquet({"text": ["bad"], "label": [0]}),
        "data/train-00001-of-00002.parquet": parquet({"text": ["very good"], "label": [1]}),
        "data/test-00000-of-00001.parquet": parquet({"text": ["film"], "label": [1]}),
        "tokenizer.json": tokenizer(),
    }
    _, arrays = intake(tarred(members), {"texts": {"length": 4}})
    assert arrays["train/input_ids"].tolist() == [[1, 5, 2, 0], [1, 7, 4, 2]]
    assert arrays["test/input_ids"].tolist() == [[1, 6, 2, 0]]
    assert arrays["test/label"].tolist() == [1]


def test_classes_go_by_the_names_that_the_datasets_library_noted(intake: Intake) -> None:
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "a": [{"x": 1}]}
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"a": [1.5, 2.5], "label": [1, 0]}).replace_schema_metadata(noted)
    held = io.BytesIO()
    pq.write_table(table, held)
    facts, arrays = intake(held.getvalue())
    assert facts.classes == ("cat", "dog")
    assert arrays["train/label"].tolist() == [1, 0]
    facts, _ = intake(held.getvalue(), {"classes": ["Katze", "Hund"]})
    assert facts.classes == ("Katze", "Hund")


def _gaps() -> dict[str, Any]:
    return {
        "a": pa.array([1, None, 3, 4], pa.int32()),
        "b": pa.array([0.5, 1.5, float("nan"), 2.5]),
        "v": pa.array([[1.0], [2.0], [3.0], None], pa.list_(pa.float64())),
        "label": ["x", "y", "x", "y"],
    }


def test_missing_values_are_refused_dropped_or_filled(intake: Intake) -> None:
    with pytest.raises(NotADataset, match="'a' has 1 missing values, the first in row 2"):
        intake(parquet(_gaps()))
    _, arrays = intake(parquet(_gaps()), {"missing": "drop"})
    assert arrays["train/x"].tolist() == [[1, 0.5]]
    assert arrays["train/v"].tolist() == [[1]]
    _, arrays = intake(parquet(_gaps()), {"missing": "fill", "fill": 7, "ignore": ["v"]})
    assert arrays["train/x"].tolist() == [[1, 0.5], [7, 1.5], [3, 7], [4, 2.5]]
    with pytest.raises(NotADataset, match="'v' has 1 missing values, the first in row 4"):
        intake(parquet(_gaps()), {"missing": "fill"})


def test_lists_behind_a_missing_one_stay_in_their_rows(intake: Intake) -> None:
    table = {"v": pa.array([None, [2.0], [3.0]], pa.list_(pa.float32())), "label": [7, 8, 9]}
    _, arrays = intake(parquet(table, rows=3), {"missing": "drop"})
    assert arrays["train/v"].tolist() == [[2], [3]]
    assert arrays["train/label"].tolist() == [8, 9]


def _broken() -> bytes:
    data = bytearray(parquet({"a": list(range(3000)), "label": [0] * 3000}, rows=3000))
    data[20:2000] = bytes(1980)
    return bytes(data)


def _misnamed() -> bytes:
    """A list without entries, whose name is no UTF-8; no rows."""
    footer = (
        b"\x15\x04\x19\\5\x00\x18\x06schema\x15\x04\x005\x02\x18\x06vec\xf4or\x15\x02\x15\x06L<"
        b"\x00\x00\x005\x04\x18\x04list\x15\x02\x00\x13\x08%\x02\x18\x07element\x00\x15\x0c%\x02\x18\x05"
        b"label%\x00\x00\x16\x00\x19\x0c\x00"
    )
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (parquet({"a": [1.0, 2.0]})[:-9], "cannot be read"),
        (_misnamed(), "cannot be read"),
        (_broken(), "cannot be read"),
        (b"PAR1" + bytes(20), "cannot be read"),
        (parquet({"when": pa.array([1, 2], pa.timestamp("s"))}), r"timestamp.*\"ignore\""),
        (parquet({"v": [[1.0], [1.0, 2.0]]}), "have 1 to 2 entries at or behind row 1"),
        (
            zipped(
                {
                    "1.parquet": parquet({"v": [[1.0]]}),
                    "2.parquet": parquet({"v": [[1.0, 2.0]]}),
                }
            ),
            r"\(1,\) and \(2,\) entries at or behind 2.parquet, row 1",
        ),
        (parquet({"v": [[1.0], [None]]}), "hold missing entries"),
        (parquet({"a": [1.0, float("inf")]}), "infinite number at or behind row 1"),
        (parquet({"a": pa.array([1, 2**63 + 1], pa.uint64())}), "too large"),
        (parquet({"a": ["x", "y"]}), r"'a' holds text \(row 1: 'x'\)"),
        (parquet({"i": [picture(3), b"junk"]}), "picture 'row 2' cannot be read"),
        (parquet({"i": [picture(3)], "j": [picture(4)]}), "i, j hold pictures"),
        (parquet({"label": pa.array([b"\xff"]).cast(pa.string(), safe=False)}), "cannot be r"),
        (parquet({"a": pa.array([], pa.int64())}), "has no rows"),
        (
            zipped({"train.parquet": parquet({"a": [1]}), "test.parquet": parquet({"b": [1]})}),
            "other columns",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_table_is_said_with_its_row(
    data: bytes, said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said):
        intake(data)


def test_a_table_that_unfolds_far_beyond_its_file_is_refused(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_claims, "FREE_BYTES", 1 << 20)
    alike = {"x": np.zeros(200_000, np.int64), "label": np.arange(200_000) // 100_000}
    with pytest.raises(NotADataset, match="unfolds to more than 200 times its size"):
        intake(parquet(alike, rows=100_000))
    monkeypatch.setattr(parquet_claims, "FREE_BYTES", 4 << 20)  # 3.2 MB of rows
    facts, _ = intake(parquet(alike, rows=100_000))
    assert facts.splits[0].examples == 200_000
