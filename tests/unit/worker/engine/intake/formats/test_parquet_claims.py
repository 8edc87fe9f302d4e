"""Small tables that say they are large, each refused before the memory is taken."""

import io
import random
import struct
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from lathe.errors import NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake
from tests.unit.worker.engine.intake.formats.little_memory import little_memory
from tests.unit.worker.engine.intake.formats.parquet_files import (
    BY_DICTIONARY,
    BYTES,
    DELTA_LENGTHS,
    DELTA_TEXTS,
    FIXED,
    INT32,
    INT64,
    REPEATED,
    Long,
    Written,
    delta,
    levels,
    numbers,
    page,
    parquet_file,
    run,
    texts,
)

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
parquet_table = pytest.importorskip("worker.engine.intake.formats.table.parquet_table")

MIB = 1 << 20
ZSTD = 6
EIGHT = struct.pack("<8q", *range(8))


def one(column: Written, rows: int | None = None) -> bytes:
    rows = column.values if rows is None else rows
    return parquet_file({"a": column, "label": numbers(rows)}, rows)


def eight(**says: Any) -> Written:
    return Written(INT64, 8, (page(EIGHT, 8),), **says)


def repeated(size: int, rows: int) -> Written:
    """One text in all rows, once in the dictionary."""
    pages = (
        page(texts(b"a" * size), 1, dictionary=True, codec=ZSTD),
        page(bytes([1]) + run(0, rows, 1), rows, encoding=BY_DICTIONARY, codec=ZSTD),
    )
    return Written(BYTES, rows, pages, ZSTD, text=True)


def prefixed(size: int, rows: int) -> Written:
    """One text in all rows, each of which takes over all of the one before."""
    again = delta([0] + [size] * (rows - 1)), delta([size] + [0] * (rows - 1))
    content = page(b"".join(again) + b"a" * size, rows, encoding=DELTA_TEXTS, codec=ZSTD)
    return Written(BYTES, rows, (content,), ZSTD, text=True)


def listed(count: int) -> Written:
    """A list of so many numbers in one row."""
    inside = levels(run(0, 1, 1), run(1, count - 1, 1)), levels(run(1, count, 1))
    content = b"".join(inside) + bytes([1]) + run(0, count, 1)
    pages = (
        page(struct.pack("<i", 0), 1, dictionary=True),
        page(content, count, encoding=BY_DICTIONARY),
    )
    return Written(INT32, count, pages, repetition=REPEATED)


def test_tables_written_page_by_page_are_read(intake: Intake) -> None:
    table = {"a": eight(), "v": Written(INT32, 8, _vectors(8), repetition=REPEATED)}
    _, arrays = intake(parquet_file(table | {"label": numbers(8)}, 8))
    assert arrays["train/x"].tolist() == [[each] for each in range(8)]
    assert arrays["train/v"].tolist() == [[7]] * 8


def _vectors(rows: int) -> tuple[bytes, ...]:
    content = levels(run(0, rows, 1)) + levels(run(1, rows, 1)) + struct.pack("<i", 7) * rows
    return (page(content, rows),)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={2: 1_472_023_808}),))),
            r"column 'a' say that one unfolds to 1472023808 bytes; 536870912 are allowed",
        ),
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={2: 9 << 20}),), 1)),
            r"one of 64 bytes unfolds to 9437184, more than 200 times as many",
        ),
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={3: 1 << 30}),))),
            "are longer than their column",
        ),
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={2: -1}),))),
            "damaged header .a number is negative",
        ),
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={5: {1: 8}}),))),
            "damaged header .something is missing",
        ),
        (
            one(Written(INT64, 8, (page(EIGHT, 8, says={3: Long(64)}),))),
            "damaged header .a field of the type 6",
        ),
        (one(Written(INT64, 8, (b"\x15\x00\x05\x02\x00" + bytes(70),))), "field 1 comes twice"),
        (one(Written(INT64, 8, (b"\x98\xff\xff\x7f",))), "header without an end"),
        (one(eight(says={9: Long(1 << 40)})), "lie outside of the file"),
        (one(eight(says={9: Long(-4)})), "lie outside of the file"),
        (one(eight(says={7: Long(-1)})), "lie outside of the file"),
        (one(eight(), 9), "hold 8 values for 9 rows"),
        (one(eight(says={5: Long(9)}), 9), "values, and the footer says 9"),
        (
            one(Written(FIXED, 8, (page(EIGHT, 8),), length=1 << 30, decimal=True)),
            "hold numbers of 1073741824 bytes each",
        ),
        (
            one(
                Written(
                    INT64,
                    8,
                    (
                        page(EIGHT, 1 << 30, dictionary=True),
                        page(bytes([1]) + run(0, 8, 1), 8, encoding=BY_DICTIONARY),
                    ),
                )
            ),
            "a dictionary of 1073741824 values that it has no room for",
        ),
        (
            one(
                Written(
                    BYTES,
                    8,
                    (page(delta([0] * 8, 1 << 30), 8, encoding=DELTA_LENGTHS),),
                    text=True,
                )
            ),
            "a delta encoding of 1073741824 numbers for 8 values",
        ),
        (
            one(
                Written(
                    BYTES,
                    8,
                    (page(delta([0] * 8) + delta([0] * 8, 1 << 30), 8, encoding=DELTA_TEXTS),),
                    text=True,
                )
            ),
            "a delta encoding of 1073741824 numbers for 8 values",
        ),
        (
            one(
                Written(
                    BYTES,
                    8,
                    (
                        page(
                            delta([0] + [1 << 30] * 7) + delta([4] + [0] * 7) + b"aaaa",
                            8,
                            encoding=DELTA_TEXTS,
                        ),
                    ),
                    text=True,
                )
            ),
            "have texts that are longer than they are",
        ),
        (one(listed(50_000_000), 1), "lists of 50000000 numbers in one row group"),
        (one(repeated(MIB, 200_000)), "'a' may be far larger than others; write it without"),
        (one(prefixed(MIB, 200_000)), "'a' may be far larger than others; write it without"),
        (one(repeated(MIB, 8192)), "unfolds to more than 200 times its size"),
        (one(prefixed(MIB, 8192)), "unfolds to more than 200 times its size"),
        (one(numbers(20_000_000)), "unfolds to more than 200 times its size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_claimed_is_refused_by_name_in_little_memory(
    data: bytes, said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said), little_memory(256 * MIB):
        intake(data)


def test_columns_that_lie_over_one_another_are_refused(intake: Intake) -> None:
    alike = {name: eight(says={9: Long(4)}) for name in ("a", "b")}
    first = eight()
    data = parquet_file({"first": first} | alike, 8)
    data = data[: 4 + len(first.pages[0])] + data[4 + 3 * len(first.pages[0]) :]
    with pytest.raises(NotADataset, match="column 'b' lie over those of other columns"):
        intake(data)


def test_a_row_group_without_the_column_is_refused(intake: Intake) -> None:
    whole = parquet_file({"a": eight(), "label": numbers(8)}, 8)
    data = parquet_file({"a": eight(), "label": numbers(8)}, 8, left_out=("label",))
    assert intake(whole)[0].splits[0].examples == 8
    with pytest.raises(NotADataset, match="column 'label' are not in every row group"):
        intake(data)


def test_a_footer_that_ends_pyarrow_when_it_is_asked_for_columns_is_read(
    intake: Intake,
) -> None:
    levels_of_another = {16: {3: [Long(8)] * 5}}
    with pytest.raises(NotADataset, match="histogram"):
        intake(one(eight(says=levels_of_another)))


def test_pages_of_the_second_kind_and_every_encoding_are_read(intake: Intake) -> None:
    rows = 700
    words = [f"w{each * 37 % 11}" for each in range(rows)]
    expected = [sorted(set(words)).index(word) for word in words]
    table = pa.table({"a": list(range(rows)), "label": words})
    kinds = ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None)
    for version, kind in product(("1.0", "2.0"), kinds):
        for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
            chosen: dict[str, Any] = {"column_encoding": {"label": kind}} if kind else {}
            chosen["use_dictionary"] = [] if kind else ["label"]
            with io.BytesIO() as file:
                pq.write_table(
                    table, file, data_page_version=version, compression=codec, **chosen
                )
                _, arrays = intake(file.getvalue())
            assert arrays["train/label"].tolist() == expected


def test_rows_of_very_different_lengths_pass_in_parts(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[int]()
    in_parts = parquet_table._parts

    def noted(*given: Any) -> Iterator[Any]:
        for part in in_parts(*given):
            seen.append(part.nbytes)
            yield part

    monkeypatch.setattr(parquet_table, "_parts", noted)
    noise = random.Random(1).randbytes(3 * MIB)
    words = [noise.hex()[at:][: 5 * MIB] if at < 4 else "" for at in range(500)]
    table = pa.table({"a": range(500), "group": words, "label": [0, 1] * 250})
    with io.BytesIO() as file:
        pq.write_table(table, file, use_dictionary=False)
        _, arrays = intake(file.getvalue(), {"missing": "drop"})
    assert arrays["train/x"].tolist() == [[0], [1], [2], [3]]
    assert len(seen) > 8
    assert max(seen) < 6 * MIB


def test_lists_that_are_missing_in_most_rows_do_not_unfold_without_end(
    intake: Intake,
) -> None:
    rows: list[list[float] | None] = [[1.5] * 60_000, *[None] * 5000]
    table = pa.table({"v": pa.array(rows, pa.list_(pa.float64())), "label": [0] * 5001})
    with io.BytesIO() as file:
        pq.write_table(table, file)
        unfolded = pytest.raises(NotADataset, match="unfolds to more than 200 times its size")
        with unfolded, little_memory(256 * MIB):
            intake(file.getvalue(), {"missing": "drop"})


def test_a_struct_holds_a_picture_only_in_bytes(intake: Intake) -> None:
    for held in (pa.string(), pa.int64()):
        column = pa.array([{"bytes": None}], pa.struct({"bytes": held}))
        with io.BytesIO() as file:
            pq.write_table(pa.table({"a": column, "label": [0]}), file)
            with pytest.raises(NotADataset, match=r"'a' holds struct<bytes: .*neither numbers"):
                intake(file.getvalue())


def test_texts_that_repeat_a_little_are_read(intake: Intake) -> None:
    """A text of 100 KB in 400 rows unfolds to 40 MB, which any table may."""
    _, arrays = intake(one(repeated(100_000, 400)), {"label": "a"})
    assert arrays["train/label"].tolist() == [0] * 400
