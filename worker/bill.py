"""The bill of materials of what a job made: CycloneDX 1.6, an ML-BOM.

The component is the best candidate's model, with a model card of what was measured of it;
below it are the inputs it was made of and the libraries that made it, and what depends on what.
https://cyclonedx.org/docs/1.6/json/
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.store.endings import NewArtifact
from app.store.lineage import Ancestor, Lineage
from lathe import __version__
from lathe.errors import Internal
from lathe.report import Candidate, Measurement, Report

MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.6"


def bill(
    lineage: Lineage,
    report: Report,
    artifacts: Sequence[NewArtifact],
    libraries: Mapping[str, str],
    now: datetime,
) -> bytes:
    """The document as JSON; raises Internal for a report that contradicts itself."""
    best = next((c for c in report.candidates if c.id == report.verdict.best), None)
    if best is None:
        raise Internal("The job's process handed over a report without its best candidate")
    model = _model(lineage, report, best, artifacts)
    inputs = {each.id: _input(each) for each in reversed(lineage.ancestors)}
    tools = [
        {
            "type": "library",
            "bom-ref": f"library:{name}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
        }
        for name, version in libraries.items()
        if version != "absent" and name != "lathe"
    ]
    components = [*inputs.values(), *tools]
    refs = [str(each["bom-ref"]) for each in components]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": now.isoformat(),
            "tools": {
                "components": [{"type": "application", "name": "lathe", "version": __version__}]
            },
            "component": model,
        },
        "components": components,
        "dependencies": [
            {"ref": str(model["bom-ref"]), "dependsOn": refs},
            *({"ref": ref} for ref in refs),
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False).encode()


def _model(
    lineage: Lineage, report: Report, best: Candidate, artifacts: Sequence[NewArtifact]
) -> dict[str, Any]:
    made = [
        each
        for each in artifacts
        if each.candidate == best.id and each.kind in {"onnx", "packed"}
    ]
    card: dict[str, Any] = {
        "modelParameters": {
            "datasets": [
                {"ref": each.id} for each in lineage.ancestors if each.role == "dataset"
            ],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {
                    "type": _named(m),
                    "value": f"{m.value:.10g}",
                }
                for m in best.measurements
            ]
        },
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": lineage.job_id,
        "name": made[0].name if made else best.file,
        "version": lineage.job_id,
        "description": report.verdict.sentence,
        "hashes": [{"alg": "SHA-256", "content": each.stored.sha256} for each in made[:1]],
        "modelCard": card,
        "pedigree": {
            "ancestors": [
                _component(each) for each in lineage.ancestors if each.role == "model"
            ],
            "notes": "Compressed by the steps "
            + ", ".join(f"{step.id} ({step.technique})" for step in report.steps),
        },
    }


def _named(measured: Measurement) -> str:
    of = "" if measured.of == "onnx" else f" of the {measured.of} file"
    batch = "" if measured.batch_size is None else f", batch {measured.batch_size}"
    return f"{measured.metric}{of}{batch}"


def _input(each: Ancestor) -> dict[str, Any]:
    return {"bom-ref": each.id, **_component(each)}


def _component(each: Ancestor) -> dict[str, Any]:
    data = each.role == "dataset"
    return {
        "type": "data" if data else "machine-learning-model",
        "name": each.id,
        "description": f"The job's {each.role}, as it was uploaded.",
        "hashes": [{"alg": "SHA-256", "content": each.sha256}],
        **({"data": [{"type": "dataset", "name": each.id}]} if data else {}),
    }
