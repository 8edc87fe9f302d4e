"""job.md: the fields of a job spec, from `lathe.job`."""

import json
from inspect import cleandoc

from docs.generate.prose import markdown
from docs.generate.reference.outputs import OUTPUTS
from docs.generate.schema import Schema, fields, reached, refs
from lathe.job import EXAMPLE, JobSpec
from lathe.task import COST_METRICS, METRICS

INTRODUCTION = (
    "The body of `POST /v1/jobs`, and of `POST /v1/jobs:validate`, which says what it would do "
    "and everything that is wrong with it. Unknown keys are refused. What a spec leaves out is "
    "filled in, and the job shows it."
)
_ELSEWHERE = {
    "technique": "../techniques/README.md",
    "recipe": "recipes.md",
    **{each.__name__: f"artifacts.md#{each.__name__.lower()}" for each in OUTPUTS},
}


def page() -> str:
    """Markdown of the spec, of what stands in it, and of the metrics it may name."""
    schema = JobSpec.model_json_schema()
    parts = ["# The job spec", INTRODUCTION, _example(), fields(schema, link, given=True)]
    for name, inside in sections().items():
        parts += [f"## {name}", _said(inside), fields(inside, link, given=True)]
    return "\n\n".join([*(part for part in parts if part), "## Metrics", _metrics()]) + "\n"


def sections() -> dict[str, Schema]:
    """What stands in a spec and is described on this page, by name."""
    schema = JobSpec.model_json_schema()
    definitions: dict[str, Schema] = schema["$defs"]
    inside = reached(refs(schema["properties"]), definitions)
    return {name: definitions[name] for name in inside if name not in _ELSEWHERE}


def link(name: str) -> str:
    """Where what a field holds is described."""
    return _ELSEWHERE.get(name, f"#{name.lower()}")


def _said(schema: Schema) -> str:
    return markdown(cleandoc(schema.get("description", "")))


def _example() -> str:
    return f"```json\n{json.dumps(EXAMPLE, indent=2)}\n```"


def _metrics() -> str:
    lines = ["| task | metrics, the first is reported first |", "|---|---|"]
    lines += [
        f"| `{kind}` | {', '.join(f'`{name}`' for name in names)} |"
        for kind, names in METRICS.items()
    ]
    lines.append(f"| any, or none | {', '.join(f'`{name}`' for name in COST_METRICS)} |")
    return "\n".join(lines)
