"""Which column of a table becomes which array: by the layout, or else by name and kind."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lathe.errors import InvalidSpec, NotADataset
from lathe.facts import DType
from lathe.layout import Layout, PictureLayout
from worker.engine.intake.formats.classes import class_numbers
from worker.engine.intake.formats.content import Declared, Notes
from worker.engine.intake.formats.picture import Sizes, header, pixels
from worker.engine.intake.formats.table.batch import Batch, Column, Reader
from worker.engine.intake.formats.table.tokens import Tokens

Arrays = dict[str, NDArray[np.generic]]
LABELS = ("label", "labels", "target", "class", "score")
GROUP = "group"


@dataclass(frozen=True, slots=True)
class Field:
    """Some arrays that are made of some columns; `declared` has the shape of one example."""

    columns: tuple[str, ...]
    declared: Mapping[str, Declared]
    made: Callable[[Batch], Arrays]


@dataclass(slots=True)
class Roles:
    """What each column is for."""

    columns: Mapping[str, Column]
    layout: Layout
    label: str | None
    group: str | None
    tokens: Tokens | None
    notes: Notes
    classes: tuple[str, ...] = ()
    left: list[str] = field(default_factory=list)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of texts that become tokens; raises where they do not fit."""
        said = self.layout.texts.columns
        for name in said:
            if self.columns[name].kind != "text":
                raise InvalidSpec(
                    f"the column {name!r} holds no texts", param="layout.texts.columns"
                )
        found = said or tuple(n for n in self.free if self.columns[n].kind == "text")
        if found and self.tokens is None:
            column = self.columns[found[0]]
            raise NotADataset(
                f"the column {column.name!r} holds text ({column.at}); upload a zip of the "
                "table and the model's tokenizer.json, or leave the column out with "
                f'layout={{"ignore": ["{column.name}"]}}'
            )
        if self.tokens is not None and not found:
            raise NotADataset("there is a tokenizer.json, but no column of texts for it")
        if len(found) > 2:  # noqa: PLR2004 - a pair
            raise NotADataset(
                f"the columns {', '.join(found)} hold texts; say which one, or which two for "
                'pairs, such as layout={"texts": {"columns": ["premise", "hypothesis"]}}'
            )
        return found

    @property
    def free(self) -> tuple[str, ...]:
        """Columns that are no label, no group, and not named as inputs."""
        taken = {self.label, self.group}
        for names in (self.layout.inputs or {}).values():
            taken.update((names,) if isinstance(names, str) else names)
        return tuple(name for name in self.columns if name not in taken)


def fields_of(roles: Roles, read: Reader) -> list[Field]:
    """All of a table's; `read` gives its pictures once more, whose sizes are to be known."""
    fields = []
    texts = roles.texts
    if texts:
        assert roles.tokens is not None  # or `texts` had refused
        fields += _token_fields(texts, roles, roles.tokens)
    if roles.layout.inputs is not None:
        for name, columns in roles.layout.inputs.items():
            fields.append(_input(name, columns, roles, read))
    elif not texts:
        fields += _default_inputs(roles, read)
    if roles.layout.inputs is not None or texts:
        roles.left += [name for name in roles.free if name not in texts]
    if not fields:
        raise NotADataset("the table has no column that a model could read; add one")
    if roles.label is not None:
        fields.append(_label(roles, roles.label))
    if roles.group is not None:
        fields.append(_group(roles, roles.group))
    return fields


def _default_inputs(roles: Roles, read: Reader) -> list[Field]:
    by_kind: dict[str, list[str]] = {}
    for name in roles.free:
        by_kind.setdefault(roles.columns[name].kind, []).append(name)
    numbers = [n for n in roles.free if roles.columns[n].kind in {"integer", "number"}]
    fields = [_numbers("x", numbers, roles)] if numbers else []
    fields += [_input(name, name, roles, read) for name in by_kind.get("vector", ())]
    pictures = by_kind.get("picture", [])
    if len(pictures) > 1:
        raise NotADataset(
            f"the columns {', '.join(pictures)} hold pictures; say which input each is, such "
            f'as layout={{"inputs": {{"image": "{pictures[0]}"}}}}'
        )
    fields += [_input(roles.layout.pictures.input, name, roles, read) for name in pictures]
    return fields


def _input(name: str, columns: str | Sequence[str], roles: Roles, read: Reader) -> Field:
    if not isinstance(columns, str):
        return _numbers(name, columns, roles)
    column = roles.columns[columns]
    if column.kind == "vector":
        declared = {name: Declared(column.dtype, column.shape)}
        return Field((columns,), declared, lambda batch: {name: _array(batch, columns)})
    if column.kind == "picture":
        return _pictures(name, columns, roles.layout.pictures, read)
    many = _numbers(name, [columns], roles)
    declared = {name: Declared(many.declared[name].dtype, ())}
    return Field((columns,), declared, lambda batch: {name: many.made(batch)[name][:, 0]})


def _numbers(name: str, columns: Sequence[str], roles: Roles) -> Field:
    held = [roles.columns[each] for each in columns]
    for column in held:
        if column.kind not in {"integer", "number"}:
            raise InvalidSpec(
                f"the column {column.name!r} holds no numbers ({column.at}), so it cannot be "
                f"part of the input {name!r}",
                param=f"layout.inputs.{name}",
            )
    fill = roles.layout.fill
    dtype = _dtype(held, fill)
    declared = {name: Declared(dtype, (len(columns),))}

    def made(batch: Batch) -> Arrays:
        filled = [
            np.where(batch.columns[each].missing, fill, _array(batch, each))
            if batch.columns[each].missing.any()
            else _array(batch, each)
            for each in columns
        ]
        return {name: np.stack(filled, axis=1).astype(dtype)}

    return Field(tuple(columns), declared, made)


def _dtype(columns: Sequence[Column], fill: float) -> DType:
    """The narrowest of a few integer types; float32 where there are fractions."""
    if any(column.kind == "number" for column in columns) or not float(fill).is_integer():
        return "float32"
    low = min(int(fill), *(column.low for column in columns))
    high = max(int(fill), *(column.high for column in columns))
    narrow: tuple[DType, ...] = ("uint8", "int16", "int32")
    fitting = (d for d in narrow if np.iinfo(d).min <= low and high <= np.iinfo(d).max)
    return next(fitting, "int64")


def _pictures(name: str, column: str, layout: PictureLayout, read: Reader) -> Field:
    sizes = Sizes(layout)
    for batch in read():
        for row, data in enumerate(batch.columns[column].values):
            if not batch.columns[column].missing[row]:
                place = batch.place(row)
                sizes.take(place, header(place, io.BytesIO(data)))
    form = sizes.form

    def made(batch: Batch) -> Arrays:
        decoded = [
            pixels(batch.place(row), io.BytesIO(data), form)
            for row, data in enumerate(batch.columns[column].values)
        ]
        return {name: np.stack(decoded)}

    return Field((column,), {name: Declared("uint8", form.shape)}, made)


def _label(roles: Roles, name: str) -> Field:
    column = roles.columns[name]
    if column.kind == "text":
        numbers, roles.classes = _numbered(column, roles.layout.classes, "layout.label")
        return Field(
            (name,),
            {"label": Declared("int64", ())},
            lambda batch: {"label": _looked_up(batch, name, numbers)},
        )
    if column.kind == "integer":
        roles.classes = roles.layout.classes or column.classes
    elif column.kind != "number":
        raise InvalidSpec(
            f"the column {name!r} holds no labels but a {column.kind}", param="layout.label"
        )
    dtype = "int64" if column.kind == "integer" else "float32"
    return Field(
        (name,),
        {"label": Declared(dtype, ())},  # type: ignore[arg-type] # one of two names
        lambda batch: {"label": _array(batch, name).astype(dtype)},
    )


def _group(roles: Roles, name: str) -> Field:
    column = roles.columns[name]
    declared = {"group": Declared("int64", ())}
    if column.kind == "integer":
        return Field((name,), declared, lambda batch: {"group": _array(batch, name)})
    if column.kind != "text":
        raise InvalidSpec(
            f"the column {name!r} holds no groups but a {column.kind}", param="layout.group"
        )
    numbers, named = _numbered(column, (), "layout.group")
    roles.notes.told(
        "groups_numbered",
        "the groups are " + ", ".join(f"{number}: {each}" for number, each in enumerate(named)),
    )
    return Field((name,), declared, lambda batch: {"group": _looked_up(batch, name, numbers)})


def _numbered(
    column: Column, declared: tuple[str, ...], param: str
) -> tuple[dict[str, int], tuple[str, ...]]:
    if column.texts is None:
        raise InvalidSpec(
            f"the column {column.name!r} holds more different texts than classes can be told "
            "apart; name another",
            param=param,
        )
    numbers = class_numbers(column.texts, declared)
    return numbers, tuple(numbers)


def _looked_up(batch: Batch, name: str, numbers: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([numbers[str(text)] for text in batch.columns[name].values], np.int64)


def _array(batch: Batch, name: str) -> NDArray[np.generic]:
    return np.asarray(batch.columns[name].values)


def _token_fields(columns: tuple[str, ...], roles: Roles, tokens: Tokens) -> list[Field]:
    layout = roles.layout.texts
    if len(columns) == 1:
        return [_tokens(columns, "", roles, tokens)]
    if layout.pair == "joined":
        return [_tokens(columns, "", roles, tokens)]
    return [
        _tokens((column,), f"{side}/", roles, tokens)
        for column, side in zip(columns, "ab", strict=True)
    ]


def _tokens(columns: tuple[str, ...], side: str, roles: Roles, tokens: Tokens) -> Field:
    layout = roles.layout.texts
    told = (layout.ids, layout.mask, layout.types)
    names = tuple(name and side + name for name in told)
    dtypes: tuple[DType, ...] = ("int32", "uint8", "uint8")
    declared = {
        name: Declared(dtype, (tokens.length,))
        for name, dtype in zip(names, dtypes, strict=True)
        if name
    }

    def made(batch: Batch) -> Arrays:
        texts = [[str(text) for text in batch.columns[name].values] for name in columns]
        rows: list[Any] = texts[0] if len(texts) == 1 else list(zip(*texts, strict=True))
        encoded: tuple[NDArray[np.generic], ...] = tokens.encode(rows, batch.place)
        return {name: each for name, each in zip(names, encoded, strict=True) if name}

    return Field(columns, declared, made)
