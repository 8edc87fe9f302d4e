from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lathe.errors import InvalidSpec, NotADataset
from lathe.summary import MissingSummary
from tests.unit.worker.engine.intake.formats.conftest import Intake, tarred, zipped
from worker.engine.intake.formats.table import csv_table

IRIS = b"length,width,species\n5.1,3,setosa\n6.25,2,virginica\n4.5,1,setosa\n"


def test_numbers_are_one_input_and_texts_in_the_label_are_classes(intake: Intake) -> None:
    facts, arrays = intake(IRIS, {"label": "species"})
    assert (facts.format, facts.classes) == ("csv", ("setosa", "virginica"))
    assert arrays["train/x"].dtype == np.float32
    assert np.allclose(arrays["train/x"], [[5.1, 3], [6.25, 2], [4.5, 1]])
    assert arrays["train/label"].tolist() == [0, 1, 0]
    assert facts.summary is not None
    assert [sample.source for sample in facts.summary.splits[0].samples] == [
        "line 2",
        "line 3",
        "line 4",
    ]
    assert [each.examples for each in facts.summary.classes] == [{"train": 2}, {"train": 1}]


@pytest.mark.parametrize(
    ("header", "dtype"), [(b"a,Target\n", "int64"), (b"a,label\n", "int64")]
)
def test_a_label_is_found_by_its_name(header: bytes, dtype: str, intake: Intake) -> None:
    _, arrays = intake(header + b"1,7\n2,9\n")
    assert arrays["train/label"].tolist() == [7, 9]
    assert arrays["train/label"].dtype == dtype
    assert (arrays["train/x"].dtype, arrays["train/x"].tolist()) == (np.uint8, [[1], [2]])


@pytest.mark.parametrize(
    ("low", "high", "fill", "dtype"),
    [
        (0, 255, 0, "uint8"),
        (0, 256, 0, "int16"),
        (-1, 255, 0, "int16"),
        (3, 40_000, 0, "int32"),
        (3, 4, -40_000, "int32"),
        (3, 4, 300, "int16"),
        (0, 2**31, 0, "int64"),
        (0, 1, 0.5, "float32"),
    ],
)
def test_whole_numbers_are_stored_in_as_few_bytes_as_they_need(
    low: int, high: int, fill: float, dtype: str, intake: Intake
) -> None:
    data = f"a,b\n{low},1\n2,{high}\n,2\n".encode()
    _, arrays = intake(data, {"missing": "fill", "fill": fill})
    assert arrays["train/x"].dtype == dtype
    assert arrays["train/x"].tolist() == [[low, 1], [2, high], [fill, 2]]


def test_a_label_with_fractions_is_a_number_to_predict(intake: Intake) -> None:
    facts, arrays = intake(b"a,score\n1,0.5\n2,3\n")
    assert arrays["train/label"].dtype == np.float32
    assert arrays["train/label"].tolist() == [0.5, 3]
    assert facts.classes == ()


def test_columns_can_be_several_inputs_in_any_order(intake: Intake) -> None:
    data = b"a;b;c;d\n1;2;3;4\n5;6;7;8\n"
    facts, arrays = intake(data, {"inputs": {"pair": ["c", "a"], "one": "b"}})
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "train/pair": [[3, 1], [7, 5]],
        "train/one": [2, 6],
    }
    assert [finding.message for finding in facts.findings] == ["not used: 'd'"]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1,2\n3,4\n", [[1, 2], [3, 4]]),
        (b"0,1\n3,4\n", [[3, 4]]),  # what pandas writes for unnamed columns
        (b"\xef\xbb\xbfa\tb\r\n3\t4\r\n\r\n", [[3, 4]]),
        (b'"a, b",c\n"3",4', [[3, 4]]),
    ],
    ids=["no header", "counted columns", "tabs, a mark and empty lines", "quotes"],
)
def test_a_header_a_delimiter_and_quotes_are_found(
    data: bytes, rows: list[list[int]], intake: Intake
) -> None:
    _, arrays = intake(data)
    assert arrays["train/x"].tolist() == rows


def test_a_header_can_be_denied(intake: Intake) -> None:
    _, arrays = intake(b"0,1\n3,4\n", {"header": False, "label": "1"})
    assert arrays["train/x"].tolist() == [[0], [3]]
    assert arrays["train/label"].tolist() == [1, 4]


GAPS = b"a,b,label\n1,,x\n2,NA,y\n3,0.5,x\n,7,y\n"


def test_missing_values_are_refused_with_the_first_place(intake: Intake) -> None:
    with pytest.raises(NotADataset, match="'a' has 1 missing values, the first in line 5"):
        intake(GAPS)
    with pytest.raises(NotADataset, match="'b' has 2 missing values, the first in line 2"):
        intake(GAPS, {"ignore": ["a"]})


def test_rows_with_missing_values_can_be_dropped(intake: Intake) -> None:
    facts, arrays = intake(GAPS, {"missing": "drop"})
    assert arrays["train/x"].tolist() == [[3, 0.5]]
    assert arrays["train/label"].tolist() == [0]
    assert facts.summary is not None
    assert facts.summary.missing == (
        MissingSummary(column="a", values=1, handled="their rows were dropped"),
        MissingSummary(column="b", values=2, handled="their rows were dropped"),
    )
    assert facts.summary.splits[0].samples[0].source == "line 4"


def test_what_an_unused_column_lacks_drops_no_row(intake: Intake) -> None:
    said = {"missing": "drop", "inputs": {"x": ["b"]}}
    facts, arrays = intake(GAPS, said)
    assert arrays["train/x"].tolist() == [[0.5], [7]]
    assert facts.summary is not None
    assert [each.column for each in facts.summary.missing] == ["b"]


def test_missing_inputs_can_be_filled_but_labels_cannot(intake: Intake) -> None:
    _, arrays = intake(GAPS, {"missing": "fill", "fill": -1.5})
    assert arrays["train/x"].tolist() == [[1, -1.5], [2, -1.5], [3, 0.5], [-1.5, 7]]
    with pytest.raises(NotADataset, match="'label' has 1 missing values, the first in line 3"):
        intake(b"a,label\n1,x\n2,\n", {"missing": "fill"})


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_tables_of_several_splits_share_their_classes(pack: Any, intake: Intake) -> None:
    members = {
        "set/test.csv": b"a,label\n9,dog\n",
        "set/train-1.csv": b"a,label\n1,cow\n2,cat\n",
        "set/train-2.csv": b"a,label\n3,cat\n",
    }
    facts, arrays = intake(pack(members))
    assert facts.classes == ("cat", "cow", "dog")
    assert [split.name for split in facts.splits] == ["train", "test"]
    assert arrays["train/label"].tolist() == [1, 0, 0]
    assert arrays["test/label"].tolist() == [2]
    assert arrays["train/x"].ravel().tolist() == [1, 2, 3]
    assert facts.summary is not None
    assert facts.summary.splits[0].samples[2].source == "set/train-2.csv, line 2"


def test_a_column_is_what_its_last_row_makes_it(intake: Intake) -> None:
    rows = "".join(f"{i},{i}\n" for i in range(9000))
    _, arrays = intake(f"a,label\n{rows}0.5,late\n".encode())
    assert arrays["train/x"][-1].tolist() == [0.5]
    assert arrays["train/label"][:3].tolist() == [0, 1, 1112]  # 0, 1, 10, 100, 1000, ...


def test_groups_may_have_names(intake: Intake) -> None:
    facts, arrays = intake(b"a,group,label\n1,north,0\n2,east,1\n")
    assert arrays["train/group"].tolist() == [1, 0]
    assert facts.findings[0].message == "the groups are 0: east, 1: north"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n3,4,5\n6,7\n", "line 3 has 3 values, but there are 2 columns"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 values"),
        (b'a,b\n1,"2\n3,4\n', "line 3 is no row"),
        (b"a,b\n1,2\n\xff,4\n", "text, but not in UTF-8"),
        (b"a,b\n" + b"1,2\n" * 1999 + b"\xff,4\n", "line 2001 is not UTF-8"),
        (b"a,a\n1,2\n", "line 1 names a column 'a', which is empty, not plain or there twice"),
        (b"a,\n1,2\n", "names a column ''"),
        (b"a,b\n1,inf\n", "line 2 holds 'inf'"),
        (b"a,b\n1,2\n1,x9\n", r"'b' holds text \(line 3: 'x9'\); upload a zip"),
        (b"a,b\n", "has no rows"),
        (b"\n\n", "the table is empty"),
        (b"label\n1\n", "no column that a model could read"),
        (b"a,b\n1," + b"9" * 200_000 + b"\n", "line 2 is no row of a table .field larger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_table_is_said_with_its_line(
    data: bytes, said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said):
        intake(data)


@pytest.mark.parametrize(
    ("layout", "param", "said"),
    [
        ({"label": "kind"}, "layout.label", "no column 'kind'; it has length, width, species"),
        ({"ignore": ["kind"]}, "layout.ignore", "no column 'kind'"),
        ({"inputs": {"x": ["kind"]}}, "layout.inputs.x", "no column 'kind'"),
        ({"inputs": {"x": []}}, "layout.inputs.x", "at least one"),
        ({"inputs": {"x": "species"}}, "layout.inputs.x", "'species' holds no numbers"),
        ({"texts": {"columns": ["width"]}}, "layout.texts.columns", "holds no texts"),
        ({"label": "width", "ignore": ["width"]}, "layout.label", "also to be ignored"),
        ({"label": "species", "classes": ["setosa"]}, "layout.classes", "'virginica', which"),
    ],
)
def test_a_layout_that_does_not_fit_is_an_invalid_spec(
    layout: dict[str, object], param: str, said: str, intake: Intake
) -> None:
    with pytest.raises(InvalidSpec, match=said) as refusal:
        intake(IRIS, layout)
    assert refusal.value.param == param


def test_tables_of_different_columns_are_refused(intake: Intake) -> None:
    with pytest.raises(NotADataset, match=r"'test.csv' has other columns than 'train.csv'"):
        intake(zipped({"train.csv": b"a,b\n1,2\n", "test.csv": b"b,a\n1,2\n"}))


def test_long_rows_are_held_a_few_at_a_time(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = intake(IRIS, {"label": "species"})
    monkeypatch.setattr(csv_table, "LETTERS", 20)  # two rows have more
    seen = list[int]()
    look = csv_table._look

    def counted(found: Any, cells: Sequence[str], lines: list[int], file: str) -> None:
        seen.append(len(cells))
        look(found, cells, lines, file)

    monkeypatch.setattr(csv_table, "_look", counted)
    _, arrays = intake(IRIS, {"label": "species"})
    assert seen == [2, 2, 2, 1, 1, 1]  # three columns of two rows, then of one
    assert all((arrays[name] == whole[name]).all() for name in whole)


def test_what_counts_as_blank_around_a_number_is_the_same_in_both_readings(
    intake: Intake,
) -> None:
    _, arrays = intake(zipped({"train.csv": b"a,b\n1,2.5\n\x1f4,\x1c0.5\n"}))
    assert arrays["train/x"].tolist() == [[1, 2.5], [4, 0.5]]
