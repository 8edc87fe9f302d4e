"""The page of one technique."""

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from benchmarks.matrix.techniques import OPTIONS, name_of
from docs.generate.fields import table
from docs.generate.measured import example
from docs.generate.methods import methods_of
from docs.generate.prose import docstring_of, escaped, first_sentence, markdown
from lathe.techniques import AnyStep
from lathe.techniques.step import Phase

PHASES = {
    Phase.FLOAT: "float: it runs before numbers get narrower types",
    Phase.LOWER: "lower: it gives numbers narrower types, once in a pipeline",
    Phase.ENCODE: "encode: it comes last",
}
NEEDS = {
    "train": "`data.train`",
    "calibration": "`data.calibration`",
    "labels": "labels in `data.train`",
    "torch_view": "a model all of whose operators have a trainable form",
}
LOOKS = {
    "loss": "the task's loss on `data.train`",
    "inputs": "inputs of `data.calibration`, or of `data.train`",
    "given": "what is given of `data.calibration` and of labels in `data.train`",
}

ID = (
    "`id` names the step in progress, report and errors; by default it is the technique's name "
    "and position."
)


def page(step: type[AnyStep]) -> str:
    """Markdown of the technique `step` is the spec of."""
    name = name_of(step)
    summary, _, rest = (step.__doc__ or "").strip().partition("\n\n")
    parts = [
        f"# {name}",
        escaped(" ".join(summary.split())),
        markdown(_dedented(rest)),
        "## What it needs",
        "\n".join(_needs(step)),
        "## Fields",
        "A step with what the [matrix](matrix.md) asks for:",
        "```json\n" + json.dumps({"technique": name, **OPTIONS[name]}) + "\n```",
        table(step, leave_out=("id", "technique")) or "It has no fields of its own.",
        ID,
        "## Measured",
        example(name),
        "## How it works",
        "\n\n".join(_methods(name)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(step: type[AnyStep]) -> str:
    """The first sentence of its docstring."""
    return first_sentence(step.__doc__ or "")


def _needs(step: type[AnyStep]) -> Iterator[str]:
    asked = [NEEDS[name] for name, needed in step.needs.model_dump().items() if needed]
    yield f"- Phase: {PHASES[step.phase]}."
    yield f"- Always: {', '.join(asked) or 'nothing but the model'}."
    for looks, when in _looks(step).items():
        begin = "Looks at" if "" in when else f"With {', '.join(when)} it looks at"
        yield f"- {begin} {looks}."


def _looks(step: type[AnyStep]) -> dict[str, list[str]]:
    """What it looks at, with the settings that make it do so; "" stands for any."""
    base: dict[str, Any] = dict(OPTIONS[name_of(step)])
    usual = step.model_validate(base).looks_at
    found = {LOOKS[looks]: [""] for looks in sorted(usual)}
    for field, value in _variants(step):
        try:
            changed = step.model_validate({**base, field: value})
        except ValidationError:  # it does not go with the other options: nothing to say
            continue
        for looks in sorted(changed.looks_at - usual):
            told = f"`{json.dumps({field: value})[1:-1]}`"
            found.setdefault(LOOKS[looks], []).append(told)
    return found


def _variants(step: type[AnyStep]) -> Iterator[tuple[str, Any]]:
    """Other values of fields with a closed set of them: words, flags and tagged values."""
    schema = step.model_json_schema()["properties"]
    for name, field in step.model_fields.items():
        if name == "technique":
            continue
        if field.annotation is bool:
            yield name, True
        elif get_origin(field.annotation) is Literal:
            yield from ((name, value) for value in get_args(field.annotation))
        else:
            union = schema[name].get("discriminator", {})
            for member in union.get("mapping", {}):
                yield name, {union["propertyName"]: member}


def _methods(name: str) -> Iterator[str]:
    for module in methods_of(name):
        title, _, rest = docstring_of(module).partition("\n\n")
        heading = escaped(" ".join(title.split()).rstrip("."))
        source = f"[worker/engine/{module}.py](../../worker/engine/{module}.py)"
        yield f"### {heading}\n\n{source}"
        if rest:
            yield markdown(rest)


def _dedented(text: str) -> str:
    """A class's docstring has the indentation of its code."""
    return "\n".join(line.removeprefix("    ") for line in text.splitlines())


def values(steps: tuple[type[BaseModel], ...]) -> dict[str, type[BaseModel]]:
    """Every value that stands inside one of `steps`, by its name, in alphabetical order."""
    found: dict[str, type[BaseModel]] = {}
    for step in steps:
        for field in step.model_fields.values():
            _collect(field.annotation, found)
    return dict(sorted(found.items()))


def _collect(annotation: Any, found: dict[str, type[BaseModel]]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation.__name__ not in found:
            found[annotation.__name__] = annotation
            for field in annotation.model_fields.values():
                _collect(field.annotation, found)
        return
    for inner in get_args(annotation):
        _collect(inner, found)
