"""artifacts.md: what a job hands over: outputs, artifacts, the report's fields."""

from inspect import cleandoc

from docs.generate.prose import markdown
from docs.generate.reference.outputs import OUTPUTS
from docs.generate.schema import Schema, cell, fields, kind, reached, refs, row
from lathe.report import Report
from lathe.views import ARTIFACT_KINDS

INTRODUCTION = (
    "`GET /v1/jobs/{id}/artifacts` lists what a job made, each with its bytes and sha256; "
    "`GET /v1/artifacts/{id}/content` is the file. The report is at `/v1/jobs/{id}/report`, "
    "its page at `/v1/jobs/{id}/report.html`."
)
ASKED = "What a job may ask for in `outputs`; the fields of a [job spec](job.md)."
REPORT = "What `report.json` says, and `GET /v1/jobs/{id}/report`."


def page() -> str:
    """Markdown of kinds, outputs and the report."""
    kinds = [row(["kind", "what it is"]), "|---|---|"]
    kinds += [row([f"`{kind}`", cell(told)]) for kind, told in ARTIFACT_KINDS.items()]
    parts = ["# Artifacts", INTRODUCTION, "\n".join(kinds), "## Outputs", ASKED]
    for output in OUTPUTS:
        schema = output.model_json_schema()
        parts += [f"### {output.__name__}", markdown(cleandoc(output.__doc__ or ""))]
        parts.append(fields(schema, _link, given=True))
    report = Report.model_json_schema(mode="serialization")
    parts += ["## The report", REPORT, fields(report, _link, given=False)]
    for name, inside in sections().items():
        parts += [f"### {name}", markdown(cleandoc(inside.get("description", "")))]
        parts += [kind(inside, _link)] if "enum" in inside else []
        parts.append(fields(inside, _link, given=False))
    return "\n\n".join(part for part in parts if part) + "\n"


def sections() -> dict[str, Schema]:
    """What stands in a report and is described on this page, by name."""
    report = Report.model_json_schema(mode="serialization")
    spec = {*reached(iter(["JobSpec"]), report["$defs"])}
    inside = reached(refs(report["properties"]), report["$defs"])
    return {name: report["$defs"][name] for name in inside if name not in spec}


def _link(name: str) -> str:
    return "job.md" if name == "JobSpec" else f"#{name.lower()}"
