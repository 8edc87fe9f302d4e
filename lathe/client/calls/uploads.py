"""Models and data sets: send the bytes, wait for the inspection."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from lathe.client.answers import refused
from lathe.client.asking import ask
from lathe.client.calls.reading import got, pages, parsed
from lathe.client.calls.resumable import FROM_BYTES, Source, send
from lathe.client.talk import Ask, FilePart, Talk, Told
from lathe.errors import Failure
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.states import UploadState
from lathe.views import DatasetView, JobView, ModelView

WAIT_S = 30
_FETCH_LOOK_S = 2
Uploaded = TypeVar("Uploaded", ModelView, DatasetView)


def upload_model(url: str, path: Path, name: str | None, told: Told | None) -> Talk[ModelView]:
    """Raises what rejected it."""
    query = {"name": name or path.name, "wait": WAIT_S}
    view = yield from _sent(ModelView, url, "/v1/models", path, query, told)
    return (yield from _inspected(ModelView, "/v1/models", view))


def upload_dataset(
    url: str,
    path: Path,
    name: str | None,
    transforms: Mapping[str, Transform] | None,
    layout: Layout | None,
    told: Told | None,
) -> Talk[DatasetView]:
    """Raises what rejected it."""
    query = {"name": name or path.name, "wait": WAIT_S, **_of_data(transforms, layout)}
    view = yield from _sent(DatasetView, url, "/v1/datasets", path, query, told)
    return (yield from _inspected(DatasetView, "/v1/datasets", view))


def fetch_model(reference: Mapping[str, str | None], told: Told | None) -> Talk[ModelView]:
    """Raises what rejected it, or why it did not come."""
    return (yield from _fetched(ModelView, "/v1/models", reference, {}, told))


def fetch_dataset(
    reference: Mapping[str, str | None],
    transforms: Mapping[str, Transform] | None,
    layout: Layout | None,
    told: Told | None,
) -> Talk[DatasetView]:
    """Raises what rejected it, or why it did not come."""
    query = _of_data(transforms, layout)
    return (yield from _fetched(DatasetView, "/v1/datasets", reference, query, told))


def model(model_id: str) -> Talk[ModelView]:
    """One model as it stands."""
    return (yield from got(ModelView, f"/v1/models/{model_id}"))


def dataset(dataset_id: str) -> Talk[DatasetView]:
    """One data set as it stands."""
    return (yield from got(DatasetView, f"/v1/datasets/{dataset_id}"))


def models(limit: int | None) -> Talk[list[ModelView]]:
    """The newest first."""
    return (yield from pages(ModelView, "/v1/models", limit=limit))


def datasets(limit: int | None) -> Talk[list[DatasetView]]:
    """The newest first."""
    return (yield from pages(DatasetView, "/v1/datasets", limit=limit))


def delete(route: str) -> Talk[None]:
    """Of a model or a data set."""
    yield from ask(Ask("DELETE", route, again=True))


def _of_data(
    transforms: Mapping[str, Transform] | None, layout: Layout | None
) -> dict[str, str]:
    query = {}
    if transforms:
        dumped = {field: t.model_dump(mode="json") for field, t in transforms.items()}
        query["transforms"] = json.dumps(dumped)
    if layout:
        query["layout"] = layout.model_dump_json(exclude_defaults=True)
    return query


def _fetched(
    view: type[Uploaded],
    route: str,
    reference: Mapping[str, str | None],
    query: Mapping[str, Any],
    told: Told | None,
) -> Talk[Uploaded]:
    """The service fetches it; its inspection says how far that is."""
    body = {field: value for field, value in reference.items() if value is not None}
    shown = parsed(view, (yield from ask(Ask("POST", route, query=query, json=body))))
    while told and shown.state is UploadState.PENDING and shown.inspection_job:
        asked = {"wait": _FETCH_LOOK_S}
        job = yield from got(JobView, f"/v1/jobs/{shown.inspection_job}", asked)
        if job.progress and job.progress.unit == "bytes":
            told(int(job.progress.current or 0), int(job.progress.total or 0))
        shown = yield from got(view, f"{route}/{shown.id}")
    return (yield from _inspected(view, route, shown))


def _sent(
    view: type[Uploaded],
    url: str,
    route: str,
    path: Path,
    query: Mapping[str, Any],
    told: Told | None,
) -> Talk[Uploaded]:
    source = Source.of(path)
    if source.size_bytes >= FROM_BYTES:
        answer = yield from send(url, source, route, query, told)
    else:
        answer = yield from _at_once(source, route, query, told)
    return parsed(view, answer)


def _at_once(
    source: Source, route: str, query: Mapping[str, Any], told: Told | None
) -> Talk[httpx.Response]:
    """The file as one raw body. It is not repeated: each one makes a model or a data set."""
    done = 0

    def counted(chunk_bytes: int) -> None:
        nonlocal done
        done += chunk_bytes
        if told:
            told(done, source.size_bytes)

    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(source.size_bytes),
        "X-Content-SHA256": source.sha256,
    }
    body = FilePart(source.path, 0, source.size_bytes, counted)
    return (yield from ask(Ask("POST", route, query=query, headers=headers, body=body)))


def _inspected(view: type[Uploaded], route: str, shown: Uploaded) -> Talk[Uploaded]:
    while shown.state is UploadState.PENDING:
        if shown.inspection_job:
            yield from got(JobView, f"/v1/jobs/{shown.inspection_job}", {"wait": WAIT_S})
        shown = yield from got(view, f"{route}/{shown.id}")
    return _accepted(shown, shown.failure)


def _accepted(view: Uploaded, failure: Failure | None) -> Uploaded:
    if failure is not None:
        raise refused(failure.code, failure.error_class, failure.detail, failure.param)
    return view
