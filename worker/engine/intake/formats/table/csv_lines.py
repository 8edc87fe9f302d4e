"""One .csv file as rows of texts, with the line each stands in."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from lathe.errors import NotADataset
from worker.engine.intake.formats.window import window
from worker.engine.onnx_file.place import Place

LONGEST_LINE = 1 << 22
MOST_COLUMNS = 20_000
DELIMITERS = ",;\t|"
HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file, how it is delimited, and its column names; `headed` where it names them."""

    name: str
    place: Place
    delimiter: str
    columns: tuple[str, ...]
    headed: bool

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number, from 1, and cells; raises NotADataset for a row of another length."""
        rows = _rows(self.name, self.place, self.delimiter)
        if self.headed:
            next(rows)
        for line, row in rows:
            if len(row) != len(self.columns):
                raise NotADataset(
                    f"{where(self.name, line)} has {len(row)} values, but there are "
                    f"{len(self.columns)} columns; give every row as many"
                )
            yield line, row


def where(name: str, line: int) -> str:
    """`line 7`, and of which file where there are several."""
    return f"line {line} of {name}" if name else f"line {line}"


def open_csv(name: str, place: Place, *, header: bool | None) -> CsvFile:
    """Find out about a file by its first line; raises NotADataset where it is no table."""
    delimiter = _delimiter(place)
    first = next(_rows(name, place, delimiter), None)
    if first is None:
        raise NotADataset(f"the table {name!r} is empty" if name else "the table is empty")
    line, cells = first
    if len(cells) > MOST_COLUMNS:
        raise NotADataset(
            f"{where(name, line)} has {len(cells)} columns; {MOST_COLUMNS} are allowed, store "
            "wide examples as .npz"
        )
    headed = _names_columns(cells) if header is None else header
    columns = tuple(cell.strip() for cell in cells) if headed else _numbers(len(cells))
    for column in columns:
        if not column or not column.isprintable() or columns.count(column) > 1:
            raise NotADataset(
                f"{where(name, line)} names a column {column[:100]!r}, which is empty, not "
                'plain or there twice; name every column once, or say layout={"header": false}'
            )
    return CsvFile(name, place, delimiter, columns, headed)


def is_number(cell: str) -> bool:
    """Whether a cell can be read as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _rows(name: str, place: Place, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with (
        window(place) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
    ):
        reader = csv.reader(_lines(name, text), delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            line = where(name, reader.line_num)
            raise NotADataset(f"{line} is no row of a table ({error}); mend it") from error
        except UnicodeDecodeError as error:
            line = where(name, _undecodable(place))
            raise NotADataset(f"{line} is not UTF-8 text; save the file so") from error


def _undecodable(place: Place) -> int:
    """The first line that is not UTF-8; text is decoded in larger pieces than lines."""
    with window(place) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            try:
                line.decode()
            except UnicodeDecodeError:
                break
        return number


def _lines(name: str, text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise NotADataset(f"{where(name, number)} is longer than {LONGEST_LINE} letters")
        yield line


def _delimiter(place: Place) -> str:
    """What stands most often in the first line."""
    with window(place) as file:
        line = file.read(HEAD_BYTES).splitlines()[:1]
    text = line[0].decode("utf-8", "replace") if line else ""
    return max(DELIMITERS, key=text.count)


def _names_columns(cells: list[str]) -> bool:
    """A first line of names holds no numbers, unless they count 0, 1, 2, ... themselves."""
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    if not numbers:
        return True
    return len(numbers) > 1 and numbers == list(_numbers(len(numbers)))


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(count))
