"""A table as the content of a data set."""

import math
from collections.abc import Iterator, Mapping, Sequence

from lathe.errors import InvalidSpec, NotADataset
from lathe.layout import Layout
from lathe.summary import MissingSummary
from worker.engine.intake.formats.content import SAMPLES, Content, Declared, Notes, Piece
from worker.engine.intake.formats.table.batch import Batch, Column, Table
from worker.engine.intake.formats.table.fields import GROUP, LABELS, Field, Roles, fields_of
from worker.engine.intake.formats.table.tokens import Tokens
from worker.engine.intake.tensor_file import ITEM_BYTES

MADE_BYTES = 4 << 20  # of arrays at a time
HANDLED = {"drop": "their rows were dropped", "fill": "filled", "refuse": "refused"}


def content_of_table(table: Table, layout: Layout, tokens: Tokens | None) -> Content:
    """Read it once for what it holds; its pieces read it again.

    Raises NotADataset for a row or a value that cannot be, with its place, and InvalidSpec for
    a layout that speaks of columns that are not there.
    """
    _check_names(table.names, layout)
    names = [name for name in table.names if name not in layout.ignore]
    label = layout.label or _named(names, LABELS)
    group = layout.group or _named(names, (GROUP,))
    columns = table.profiled(names, {name for name in (label, group) if name})
    if not table.counts():
        raise NotADataset("the table has no rows; add some")
    notes = Notes()
    roles = Roles(columns, layout, label, group, tokens, notes)
    fields = fields_of(roles, lambda: table.batches(columns))
    used = {name: columns[name] for field in fields for name in field.columns}
    if roles.left:
        notes.told("columns_left_out", f"not used: {', '.join(map(repr, roles.left))}")
    missing = _missing(used, fields, layout)
    dropped = tuple(used) if missing and layout.missing == "drop" else ()
    counts = _complete(table, used, dropped) if dropped else table.counts()
    arrays = {
        f"{split}/{name}": Declared(each.dtype, (count, *each.shape))
        for split, count in counts.items()
        for field in fields
        for name, each in field.declared.items()
    }

    at_once = _rows_at_once(fields)

    def pieces() -> Iterator[Piece]:
        for whole in table.batches(used):
            for batch in whole.complete(dropped).parts(at_once):
                _note(notes, batch, roles.texts)
                for field in fields:
                    for name, values in field.made(batch).items():
                        yield f"{batch.split}/{name}", values
        if tokens is not None:
            notes.findings.extend(tokens.findings())

    return Content(table.format, arrays, pieces, roles.classes, missing, notes)


def _rows_at_once(fields: Sequence[Field]) -> int:
    """Pictures and tokens unfold to far more than the table holds."""
    declared = [each for field in fields for each in field.declared.values()]
    row_bytes = sum(math.prod(each.shape) * ITEM_BYTES[each.dtype] for each in declared)
    return max(1, MADE_BYTES // max(1, row_bytes))


def _check_names(names: Sequence[str], layout: Layout) -> None:
    said = {"layout.label": [layout.label], "layout.group": [layout.group]}
    said["layout.ignore"] = list(layout.ignore)
    said["layout.texts.columns"] = list(layout.texts.columns)
    for name, columns in (layout.inputs or {}).items():
        said[f"layout.inputs.{name}"] = [columns] if isinstance(columns, str) else list(columns)
        if not columns:
            raise InvalidSpec("name at least one column", param=f"layout.inputs.{name}")
    for param, asked in said.items():
        for column in asked:
            if column is not None and column not in names:
                shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")  # noqa: PLR2004
                raise InvalidSpec(
                    f"the table has no column {column!r}; it has {shown}", param=param
                )
            if column in layout.ignore and param != "layout.ignore":
                raise InvalidSpec(f"the column {column!r} is also to be ignored", param=param)


def _named(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    lowered = {name.lower(): name for name in reversed(names)}
    return next((lowered[each] for each in wanted if each in lowered), None)


def _missing(
    used: Mapping[str, Column], fields: Sequence[Field], layout: Layout
) -> tuple[MissingSummary, ...]:
    """Per column; raises NotADataset where they are refused, or cannot be filled."""
    found = []
    for column in used.values():
        if not column.missing:
            continue
        fillable = column.kind in {"integer", "number"} and all(
            column.name not in field.columns
            for field in fields
            if field.declared.keys() & {"label", "group"}
        )
        if layout.missing == "refuse" or (layout.missing == "fill" and not fillable):
            ways = '{"missing": "drop"} leaves their rows out'
            ways += ', {"missing": "fill", "fill": 0} sets them to 0' if fillable else ""
            raise NotADataset(
                f"the column {column.name!r} has {column.missing} missing values, the first in "
                f"{column.missing_at}; complete it, or say what to do: layout={ways}"
            )
        handled = HANDLED[layout.missing]
        if layout.missing == "fill":
            handled += f" with {layout.fill:g}"
        found.append(MissingSummary(column=column.name, values=column.missing, handled=handled))
    return tuple(found)


def _complete(
    table: Table, used: Mapping[str, Column], dropped: tuple[str, ...]
) -> dict[str, int]:
    """Rows by split that have every value; raises NotADataset where a split has none."""
    counts = dict.fromkeys(table.counts(), 0)
    for batch in table.batches(used):
        counts[batch.split] += batch.complete(dropped).count
    for split, count in counts.items():
        if not count:
            raise NotADataset(f"no row of the split {split!r} has every value; complete some")
    return counts


def _note(notes: Notes, batch: Batch, texts: tuple[str, ...]) -> None:
    for row in range(min(SAMPLES, batch.count)):
        shown = tuple(str(batch.columns[name].values[row])[:200] for name in texts)
        notes.sample(batch.split, batch.place(row), shown)
