"""Numbers that look rows of a table up, such as token ids, have to be within the table."""

from collections.abc import Iterator

from app.fit.known import KnownFacts
from lathe.errors import DataMismatch, Refused
from lathe.facts import ModelFacts
from lathe.job import JobSpec

_SIDES = ("", "a/", "b/")  # of a split; the two are those of pairs


def table_refusals(spec: JobSpec, known: KnownFacts, model: ModelFacts) -> Iterator[Refused]:
    """A refusal for each array that holds a row that its input's table does not have."""
    for purpose, split in spec.data.splits():
        facts = known.datasets.get(split.dataset)
        held = facts and facts.split(split.split)
        if not facts or not held:  # said already
            continue
        for name, rows in model.tables.items():
            for field in (held.field(side + name) for side in _SIDES):
                if name in facts.transforms or field is None or field.maximum is None:
                    continue
                if field.maximum >= rows:
                    yield DataMismatch(
                        f"{held.name}/{field.name} holds the id {field.maximum:g}, but the "
                        f"model's input {name!r} looks ids up in a table of {rows} rows, 0 to "
                        f"{rows - 1}; use the tokenizer that the model was trained with",
                        param=f"data.{purpose}",
                    )
