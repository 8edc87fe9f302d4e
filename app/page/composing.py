"""A job spec as a form: its own parts (model, data, task, steps) each in the way that suits
them, the rest from its JSON Schema, so that a new field of the spec is on the page by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.page import numbers
from app.page.forms.draw import Around, Field, Options, children, draw
from app.page.forms.edit import edited
from app.page.forms.read import Form, fields, number, read
from app.page.forms.schema import MISSING, Schema, lists, pattern
from lathe.errors import Malformed
from lathe.job import JobSpec
from lathe.task import COST_METRICS, METRICS
from lathe.techniques import TECHNIQUES
from lathe.views import FieldProblem

PURPOSES = {
    "train": "What training steps learn from.",
    "calibration": "What runs through the network to be looked at; a few hundred do.",
    "evaluation": "What original and result are judged on; nothing else sees it.",
}
_SPEC = JobSpec.model_json_schema()
DEFS: Mapping[str, Schema] = _SPEC["$defs"]
_PROPERTIES: Mapping[str, Schema] = _SPEC["properties"]
_FORMS = _PROPERTIES["pipeline"]["anyOf"]
STEPS: Schema = next(each for each in _FORMS if "items" in each)
STEP: Schema = STEPS["items"]
RECIPE: Schema = next(each for each in _FORMS if "discriminator" in each)
_TASK = DEFS["Task"]
_OWN = ("name", "model", "data", "task", "pipeline", "constraints")
_MAY_BE_NULL = frozenset({"benchmark"})
REST = tuple(name for name in _PROPERTIES if name not in _OWN)
_LISTS = frozenset(
    path
    for name, node in (
        *((name, _PROPERTIES[name]) for name in ("constraints", *REST)),
        *(("pipeline", node) for node in (STEPS, RECIPE)),
        ("task", _TASK),
    )
    for path in lists(node, DEFS, name)
)
FAMILIES = tuple(
    (
        family,
        tuple(
            (name, (step.__doc__ or "").strip().splitlines()[0])
            for step in TECHNIQUES
            if (name := str(step.model_fields["technique"].default)).partition(".")[0] == family
        ),
    )
    for family in dict.fromkeys(
        str(step.model_fields["technique"].default).partition(".")[0] for step in TECHNIQUES
    )
)


@dataclass(frozen=True)
class Shelf:
    """What of the project a job may name: `splits` are `dataset/split` with their label."""

    models: Options
    splits: Options
    examples: Mapping[str, int]


def shelf(models: Sequence[Any], datasets: Sequence[Any]) -> Shelf:
    """The choices, from rows of `app.store.glance`."""
    return Shelf(
        models=tuple((row.id, row.name or row.id) for row in models),
        splits=tuple(
            (
                f"{row.id}/{split['name']}",
                f"{row.name or row.id}, {split['name']} ({split['examples']:,} examples)",
            )
            for row in datasets
            for split in row.splits or ()
        ),
        examples={
            f"{row.id}/{split['name']}": split["examples"]
            for row in datasets
            for split in row.splits or ()
        },
    )


def said(form: Form) -> dict[str, Any]:
    """The job spec that the form says, unchecked."""
    draft: dict[str, Any] = {}
    for name in ("name", "model", "constraints", *REST):
        value = read(_node(name), DEFS, name, form)
        if value is not MISSING and (name in _MAY_BE_NULL or value not in (None, [], {})):
            draft[name] = value
    data = {purpose: _split(form, f"data.{purpose}") for purpose in PURPOSES}
    draft["data"] = {purpose: split for purpose, split in data.items() if split}
    if form.get("task.kind"):
        draft["task"] = fields(_TASK, DEFS, "task", form)
    recipe = form.get("pipeline.recipe", "")
    steps = read(RECIPE if recipe else STEPS, DEFS, "pipeline", form)
    draft["pipeline"] = [] if steps is MISSING else steps
    return draft


def drawn(
    draft: Mapping[str, Any], problems: Sequence[FieldProblem], on_shelf: Shelf
) -> dict[str, Any]:
    """Everything that the template of the form asks for."""
    kind = (draft.get("task") or {}).get("kind", "")
    metrics = (*COST_METRICS, *METRICS.get(kind, ()))
    around = Around(
        defs=DEFS,
        models=on_shelf.models,
        choices={
            "constraints.*.metric": tuple((each, numbers.words(each)) for each in metrics),
            "objective.minimize": tuple((each, numbers.words(each)) for each in metrics),
            "objective.maximize": tuple((each, numbers.words(each)) for each in metrics),
        },
        problems={place(each.param): each.detail for each in problems},
    )
    pipeline: Any = draft.get("pipeline") or []
    own = isinstance(pipeline, list)
    return {
        "model": draw(_node("model"), around, "model", draft.get("model"), needed=True),
        "title": draw(_node("name"), around, "name", draft.get("name")),
        "splits": [_split_field(draft, around, on_shelf, purpose) for purpose in PURPOSES],
        "task": _task(draft, around),
        "recipe": None if own else draw(RECIPE, around, "pipeline", pipeline, needed=True),
        "recipes": _recipes("" if own else pipeline["recipe"]),
        "steps": draw(STEPS, around, "pipeline", pipeline if own else []).children,
        "families": FAMILIES,
        "limits": draw(_node("constraints"), around, "constraints", draft.get("constraints")),
        "rest": [draw(_node(name), around, name, _given(draft, name)) for name in REST],
        "problems": problems,
    }


def pressed(draft: dict[str, Any], button: str) -> Any:
    """`draft` after a button of one of its lists; raises Malformed where that is no list."""
    action, _, path = button.partition(":")
    if pattern(path if action == "add" else path.rpartition(".")[0]) not in _LISTS:
        raise Malformed("this button is of no list of the form; load the page again")
    return edited(draft, button, {"metric": "accuracy"} if path == "constraints" else {})


def ids(shown: Mapping[str, Any]) -> dict[str, str]:
    """The element of each field that is shown, by its path, for links from problems."""
    every = [shown["model"], shown["title"], *shown["splits"], shown["task"], shown["limits"]]
    every += [*shown["steps"], *shown["rest"]]
    every += [shown["recipe"]] if shown["recipe"] else []
    found: dict[str, str] = {}
    while every:
        each = every.pop()
        found[each.name] = each.id
        every += each.children
    return found


def _node(name: str) -> Schema:
    """The schema of a part of the spec; what has a default that depends on others may be
    left out."""
    node = _PROPERTIES[name]
    return {"anyOf": [node, {"type": "null"}], "default": None} if name == "objective" else node


def _given(draft: Mapping[str, Any], name: str) -> Any:
    if name in draft:
        return draft[name]
    if name == "benchmark":
        return {}  # as usual: timed
    return MISSING


def place(param: str) -> str:
    """Where a problem is shown: the parts of a split are one field here."""
    parts = param.split(".")
    if parts[0] == "data" and parts[-1] in {"dataset", "split"}:
        parts.pop()
    return ".".join(parts)


def _split(form: Form, name: str) -> dict[str, Any]:
    dataset, _, split = form.get(name, "").partition("/")
    if not dataset:
        return {}
    samples = form.get(f"{name}.samples", "").strip()
    return {"dataset": dataset, "split": split} | (
        {"samples": number(samples)} if samples else {}
    )


def _split_field(
    draft: Mapping[str, Any], around: Around, on_shelf: Shelf, purpose: str
) -> Field:
    name = f"data.{purpose}"
    said_so_far = (draft.get("data") or {}).get(purpose) or {}
    value = f"{said_so_far['dataset']}/{said_so_far['split']}" if said_so_far else ""
    options = (("", "none"), *on_shelf.splits)
    if value not in dict(options):
        options = (*options, (value, value))
    samples = Field(
        "number",
        f"{name}.samples",
        "Examples",
        "A random subset of so many; empty takes all.",
        value=str(said_so_far.get("samples") or ""),
        optional=True,
        problem=around.problems.get(f"{name}.samples"),
    )
    return Field(
        "split",
        name,
        numbers.words(purpose),
        PURPOSES[purpose],
        value=value,
        options=options,
        optional=True,
        problem=around.problems.get(name),
        children=(samples,) if value else (),
    )


def _task(draft: Mapping[str, Any], around: Around) -> Field:
    task = draft.get("task") or {}
    kinds = tuple((each, each) for each in METRICS)
    below = children(_TASK, around, "task", task) if task else ()
    return Field(
        "union",
        "task",
        "Task",
        "How answers are judged on the evaluation data.",
        value=str(task.get("kind", "")),
        options=(("", "nothing is judged"), *kinds),
        problem=around.problems.get("task.kind", around.problems.get("task")),
        children=tuple(each for each in below if each.name != "task.kind"),
        tag="kind",
        optional=True,
    )


def _recipes(chosen: str) -> list[dict[str, Any]]:
    every = [("", "My own steps", "Any techniques, in the order that you choose.")]
    for name, reference in RECIPE["discriminator"]["mapping"].items():
        summary = DEFS[reference.rpartition("/")[2]].get("description", "")
        every.append((name, name, summary.split("\n\n")[0].replace("\n", " ")))
    every = every[1:] + every[:1]
    return [{"value": v, "label": n, "hint": h, "on": v == chosen} for v, n, h in every]
