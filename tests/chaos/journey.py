"""A customer's way through the API: upload, inspection, submit, and the job's end."""

import time
from collections.abc import Iterator
from typing import Any

import httpx

from examples.demo import DATA, PIXELS
from tests.chaos import wares
from tests.chaos.chain import Chain
from tests.chaos.patient import Patient

_POLL_S = 0.5
_LONG_POLL_S = 3
_ANSWERED = 300


class Broke(Exception):  # noqa: N818 - reads as the sentence it carries
    """A chain was told something that should not happen."""


def upload(client: Patient, chain: Chain) -> str:
    """Send a model until exactly one of its name is there; returns its id.

    An upload has no Idempotency-Key, so before sending again the client looks whether the
    first try arrived after all.
    """
    name, data = wares.name(chain.number), chain.model()

    def arrived() -> httpx.Response | None:
        found = models_named(client, name)
        return client.ask("GET", f"/v1/models/{found[0]}") if found else None

    answer = client.ask(
        "POST",
        "/v1/models",
        params={"name": name},
        body=lambda: chain.body(data),
        done=arrived,
    )
    return str(_expected(answer)["id"])


def models_named(client: Patient, name: str) -> list[str]:
    """The ids of the project's models of that name."""
    models = client.pages("/v1/models", limit=200)
    return [model["id"] for model in models if model["name"] == name]


def submit(client: Patient, chain: Chain, dataset_id: str) -> str:
    """Queue the chain's job, however often it takes; returns its id."""
    answer = client.ask(
        "POST",
        "/v1/jobs",
        json=wares.spec(chain.number, chain.model_id, dataset_id),
        headers={"Idempotency-Key": wares.name(chain.number)},
    )
    return str(_expected(answer)["id"])


def upload_dataset(client: Patient) -> str:
    transforms = f'{{"image": {PIXELS.model_dump_json()}}}'
    answer = client.ask(
        "POST",
        "/v1/datasets",
        params={"name": "mnist", "transforms": transforms},
        body=DATA.read_bytes,
    )
    dataset_id = str(_expected(answer)["id"])
    while (dataset := client.get(f"/v1/datasets/{dataset_id}"))["state"] == "pending":
        time.sleep(_POLL_S)
    if dataset["state"] != "ready":
        raise Broke(f"the data set was rejected: {dataset['failure']}")
    return dataset_id


def inspected(client: Patient, chain: Chain) -> None:
    for model in _polled(client, f"/v1/models/{chain.model_id}"):
        match model["state"]:
            case "ready":
                return
            case "rejected":
                _note(chain, f"inspection: {model['failure']}", model["failure"])
                client.ask("POST", f"/v1/jobs/{model['inspection_job']}/retry")
            case _:
                time.sleep(_POLL_S)


def finished(client: Patient, chain: Chain) -> None:
    while True:
        job = client.get(f"/v1/jobs/{chain.job_id}", wait=_LONG_POLL_S)
        match job["state"]:
            case "succeeded":
                return
            case "failed":
                _note(chain, f"{chain.job_id}: {job['failure']}", job["failure"])
                answer = client.ask("POST", f"/v1/jobs/{chain.job_id}/retry")
                chain.job_id = str(_expected(answer)["id"])
            case "cancelled":
                raise Broke(f"{chain.job_id} was cancelled, and nobody asked for that")


def _note(chain: Chain, text: str, failure: dict[str, Any]) -> None:
    chain.failures.append(text)
    if not failure["retryable"]:
        raise Broke(f"failed for good: {text}")


def _polled(client: Patient, path: str) -> Iterator[Any]:
    while True:
        yield client.get(path)


def _expected(answer: httpx.Response) -> Any:
    if answer.status_code >= _ANSWERED:
        raise Broke(f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()
