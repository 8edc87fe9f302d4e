"""The customers: each chain uploads a model, has it quantized and follows that to the end."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from examples.demo import DATA, PIXELS
from tests.chaos import wares
from tests.chaos.patient import Answers, GaveUp, Patient

_AT_ONCE = 14
_POLL_S = 0.5
_LONG_POLL_S = 3
_ANSWERED = 300
_PIECE_BYTES = 1 << 18
_TORN_FOR_AT_MOST_S = 20.0
_TORN_BEGIN = 1001  # numbers of torn chains; not a multiple of ten, so none is scored


class Broke(Exception):  # noqa: N818 - reads as the sentence it carries
    """A chain was told something that should not happen."""


@dataclass(slots=True)
class Tear:
    """A moment at which a customer stops until the campaign has done something to its door.

    "upload": half of the body is sent. "submit": the request is about to be sent.
    """

    at: Literal["upload", "submit"]
    door: str
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def stop_here(self) -> None:
        """Tell that the moment has come, and wait; only the first time."""
        if not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(_TORN_FOR_AT_MOST_S)


@dataclass(slots=True)
class Chain:
    """What a customer knows. `failures` are ends that were retried, as they invited to."""

    number: int
    tear: Tear | None = None
    model_id: str = ""
    job_id: str = ""
    failures: list[str] = field(default_factory=list)
    broke: str = ""

    def model(self) -> bytes:
        """What it uploads."""
        torn = self.tear is not None and self.tear.at == "upload"
        return wares.large_model(self.number) if torn else wares.model(self.number)

    def body(self, data: bytes) -> bytes | Iterator[bytes]:
        """The upload's bytes, in two pieces when it is to be torn."""
        if self.tear is None or self.tear.at != "upload":
            return data
        return self._in_two(self.tear, data)

    def _in_two(self, tear: Tear, data: bytes) -> Iterator[bytes]:
        half = len(data) // 2
        for start in range(0, half, _PIECE_BYTES):
            yield data[start : min(half, start + _PIECE_BYTES)]
        tear.stop_here()
        yield data[half:]


class Customers:
    """All chains, a few at once; `release` lets more of them begin."""

    def __init__(self, count: int, doors: list[str], key: str) -> None:
        self.answers = Answers()
        self.chains = [Chain(number) for number in range(count)]
        self.dataset_id = ""
        self._doors, self._key = doors, key
        self._released = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chain")
        self._torn = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="torn")
        self._running: list[Future[None]] = []
        self._left = count

    def open(self) -> None:
        """Upload the data set that some jobs read, then let chains wait for their release."""
        client = self.client()
        self.dataset_id = _dataset(client)
        self._running = [self._pool.submit(self._live, chain) for chain in self.chains]

    def client(self, doors: list[str] | None = None) -> Patient:
        """One more client of this service, at every door unless some are named."""
        return Patient(doors or self._doors, self._key, self.answers)

    def torn(self, at: Literal["upload", "submit"], door: str) -> Tear:
        """One more chain, at once, that stops at a moment to have its door shot."""
        tear = Tear(at, door)
        torn = sum(chain.tear is not None for chain in self.chains)
        chain = Chain(_TORN_BEGIN + 2 * torn, tear)
        self.chains.append(chain)
        self._running.append(self._torn.submit(self._through, chain, self.client([door])))
        return tear

    def release(self, count: int) -> None:
        """Let so many more chains begin."""
        count = min(count, self._left)
        self._left -= count
        if count:
            self._released.release(count)

    @property
    def unfinished(self) -> int:
        """How many released chains have not ended."""
        return sum(not future.done() for future in self._running) - self._left

    def wait(self, within_s: float) -> bool:
        """Release the rest and wait for every end; False when the time was not enough."""
        self.release(self._left)
        deadline = time.monotonic() + within_s
        while self.unfinished and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.unfinished == 0

    def close(self) -> None:
        """Wait for no chain any more."""
        for pool in (self._pool, self._torn):
            pool.shutdown(wait=False, cancel_futures=True)

    def _live(self, chain: Chain) -> None:
        self._released.acquire()
        self._through(chain, self.client())

    def _through(self, chain: Chain, client: Patient) -> None:
        try:
            chain.model_id = upload(client, chain)
            _inspected(client, chain)
            if chain.tear is not None and chain.tear.at == "submit":
                chain.tear.stop_here()
            chain.job_id = submit(client, chain, self.dataset_id)
            _finished(client, chain)
        except (Broke, GaveUp, httpx.HTTPError, LookupError) as error:
            chain.broke = f"{type(error).__name__}: {error}"


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


def _dataset(client: Patient) -> str:
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


def _inspected(client: Patient, chain: Chain) -> None:
    for model in _polled(client, f"/v1/models/{chain.model_id}"):
        match model["state"]:
            case "ready":
                return
            case "rejected":
                _note(chain, f"inspection: {model['failure']}", model["failure"])
                client.ask("POST", f"/v1/jobs/{model['inspection_job']}/retry")
            case _:
                time.sleep(_POLL_S)


def _finished(client: Patient, chain: Chain) -> None:
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
