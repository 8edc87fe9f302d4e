"""A project as full as one gets: its jobs are all on one model, one of them with a report."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.store import tenants
from app.store.blobs.objects import Objects, new_key
from app.store.db import sessions, sync_engine
from app.store.rows import ApiKey, Artifact, Base, Blob, Dataset, Job, MeasurementRow, Model
from benchmarks.api.fill import fill as fill_jobs
from lathe import ids
from lathe.report import Report
from worker.engine.report.page import page

_UPLOADS = 400
_LAYERS = 300
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Filled:
    """What there is to look at."""

    key: str
    job: str
    running: str
    model: str
    dataset: str


def fill(database_url: str, objects_url: str, jobs: int) -> Filled:
    """Put so many jobs, their measurements, models and data sets into a migrated database."""
    there = fill_jobs(database_url, jobs)
    key_id, _ = tenants.split_key(there.key) or ("", "")
    engine = sync_engine(database_url)
    with sessions(engine).begin() as session:
        project = session.get_one(ApiKey, key_id).project_id
        key, printable = tenants.new_key(project, "pages", ["read", "write"])
        session.add(key)
        blob = _blob(session, project, b"net")
        models = [_model(project, blob.id, number) for number in range(_UPLOADS)]
        datasets = [_dataset(project, blob.id, number) for number in range(_UPLOADS)]
        session.add_all([*models, *datasets])
        session.flush()
        model = models[0].id
        mine = update(Job).where(Job.project_id == project)
        session.execute(mine.values(model_id=model))
        _measurements(session, project, model, there.finished)
        job = there.finished[-1]
        spec = dict(session.get_one(Job, job).spec or {})
        _report(session, project, job, Report.model_validate(_proof(spec)), objects_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return Filled(printable, job, there.running[-1], model, datasets[0].id)


def _blob(session: Session, project: str, content: bytes, key: str = "bench/none") -> Blob:
    row = Blob(
        id=ids.new("blb"),
        project_id=project,
        key=key,
        sha256=tenants.hash_of(key),
        size_bytes=len(content),
    )
    session.add(row)
    session.flush()
    return row


def _layer(number: int) -> dict[str, Any]:
    return {
        "id": f"encoder.layer.{number}.weight",
        "operator": "MatMul",
        "weight_shape": [768, 768],
        "parameters": 589_824,
        "macs": 589_824,
    }


def _model(project: str, blob: str, number: int) -> Model:
    tensor = {"name": "x", "dtype": "float32", "shape": ["n", 768]}
    stats = {"size_bytes": 707_000_000, "parameters": 176_947_200, "macs": 176_947_200}
    stats |= {"opset": 18, "operators": {"MatMul": _LAYERS}}
    stats |= {"layers": [_layer(layer) for layer in range(_LAYERS)]}
    facts = {"format": "onnx", "io": {"inputs": [tensor], "outputs": [tensor]}}
    facts |= {"stats": stats, "capabilities": {"torch_view": True}}
    return Model(
        id=ids.new("mdl"),
        project_id=project,
        name=f"encoder {number}",
        state="ready",
        upload_blob_id=blob,
        canonical_blob_id=blob,
        facts=facts,
    )


def _dataset(project: str, blob: str, number: int) -> Dataset:
    fields = [{"name": "x", "dtype": "float32", "shape": [768]}]
    splits = [{"name": n, "examples": 9000, "fields": fields} for n in ("train", "test")]
    return Dataset(
        id=ids.new("dat"),
        project_id=project,
        name=f"sentences {number}",
        state="ready",
        upload_blob_id=blob,
        canonical_blob_id=blob,
        facts={"format": "npz", "splits": splits},
    )


def _measured(size: float, accuracy: float, latency: float) -> list[dict[str, Any]]:
    return [
        {"metric": "size_bytes", "value": size, "unit": "bytes"},
        {"metric": "accuracy", "value": accuracy, "unit": "fraction"},
        {"metric": "latency_ms", "value": latency, "unit": "ms", "batch_size": 1}
        | {"samples": [latency] * 100},
    ]


def _measurements(session: Session, project: str, model: str, jobs: list[str]) -> None:
    rng = random.Random(7)  # noqa: S311 - a repeatable choice, no secret
    rows: list[dict[str, Any]] = []
    for job in jobs:
        size, score, latency = rng.randint(10**5, 10**7), rng.random(), rng.random()
        rows += [
            {
                "project_id": project,
                "job_id": job,
                "model_id": model,
                "role": "candidate" if candidate else "baseline",
                "candidate": candidate,
                "metric": data["metric"],
                "batch_size": data.get("batch_size"),
                "value": data["value"],
                "data": {"of": "onnx"} | data,
                "environment": {},
            }
            for candidate in (None, "int8")
            for data in _measured(size, score, latency)
        ]
    table = Base.metadata.tables[MeasurementRow.__tablename__]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(table), rows[start : start + _BATCH])


def _proof(spec: dict[str, Any]) -> dict[str, Any]:
    def file(name: str, *figures: float) -> dict[str, Any]:
        measured = {"measurements": _measured(*figures), "sha256": "0" * 64}
        compared = [
            {"metric": "size_bytes", "kind": "ratio", "change": figures[0] / 9e6},
            {"metric": "accuracy", "kind": "difference", "change": figures[1] - 0.9},
            {
                "metric": "latency_ms",
                "kind": "ratio",
                "change": figures[2] / 2,
                "batch_size": 1,
            },
        ]
        against = {} if name == "baseline" else {"against_baseline": compared}
        return {"id": name, "file": f"{name}.onnx"} | measured | against

    return {
        "spec": spec,
        "verdict": {
            "best": "int8",
            "constraints_met": True,
            "realised": "smaller_and_faster",
            "sentence": "int8 is 3.71x smaller than the baseline.",
        },
        "baseline": file("baseline", 9e6, 0.9, 2.0),
        "candidates": [file("prune", 5e6, 0.89, 1.5), file("int8", 2e6, 0.88, 0.9)],
        "steps": [],
        "layers": [
            {
                "layer": f"encoder.layer.{number}.weight",
                "operator": "MatMul",
                "bytes_before": 2_359_296,
                "bytes_after": 589_824,
                "shape_before": [768, 768],
                "shape_after": [768, 768],
                "nonzero": 0.5,
                "dtype": "int8",
                "sqnr_db": 31.0,
            }
            for number in range(_LAYERS)
        ],
        "environment": {
            "lathe_version": "0",
            "libraries": {},
            "cpu": "bench",
            "cores": 2,
            "threads": 1,
            "device": "cpu",
            "platform": "bench",
            "seed": 0,
        },
    }


def _report(session: Session, project: str, job: str, report: Report, objects_url: str) -> None:
    files = (
        ("report.json", "application/json", report.model_dump_json().encode()),
        ("report.html", "text/html", page(report).encode()),
    )
    for kind, media_type, content in files:
        key = new_key("bench")
        asyncio.run(_write(objects_url, key, content))
        blob = _blob(session, project, content, key)
        session.add(
            Artifact(
                project_id=project,
                job_id=job,
                blob_id=blob.id,
                kind=kind,
                name=kind,
                media_type=media_type,
            )
        )


async def _write(objects_url: str, key: str, content: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    objects = Objects.open(objects_url)
    await objects.write(key, chunks(), max_bytes=None)
