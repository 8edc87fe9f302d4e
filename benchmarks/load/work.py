"""Real compressions without a pause, and how all jobs stand."""

import threading
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select

from app.store.db import sync_engine
from app.store.rows import Event, Job
from benchmarks.load.clients import Clients
from examples.demo import DATA, MODEL, PIXELS
from lathe.client import Client
from lathe.states import JobKind, JobState, Queue

_LOOK_EVERY_S = 0.5
_FINISHED_AT_MOST = 2000  # are polled, the newest


@dataclass(slots=True)
class Standings:
    """Ids of the compressions by how they stand."""

    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    resting: list[str] = field(default_factory=list)  # for a GPU, which nobody has


class Work:
    """Keeps `depth` compressions unfinished while `flows`, and tells the clients about them."""

    def __init__(self, client: Client, clients: Clients, database_url: str, depth: int) -> None:
        self._client, self._clients, self._depth = client, clients, depth
        self._engine = sync_engine(database_url)
        self._seeds = count(1)
        self._spec: dict[str, Any] = {}
        self._flows = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep)
        self.trouble: BaseException | None = None

    def __enter__(self) -> Self:
        model = self._client.upload_model(MODEL)
        images = self._client.upload_dataset(DATA, transforms={"image": PIXELS})
        self._spec = _spec(model.id, images.id)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._engine.dispose()

    def submit(self, number: int, **resources: str) -> None:
        """So many jobs more; every second one trains, and each has a seed of its own, so that
        the step cache answers none."""
        for _ in range(number):
            seed = next(self._seeds)
            pipeline = _TRAINED if seed % 2 else _ROUNDED
            more = {"resources": resources} if resources else {}
            self._client.submit(self._spec | {"seed": seed, "pipeline": pipeline} | more)

    def flow(self) -> None:
        """Compress without a pause from now on."""
        self._flows.set()

    def rest(self) -> None:
        """No new job; cancels those that wait, and returns when none runs."""
        self._flows.clear()
        while (now := self.standings()).running or now.queued:
            for job in now.queued:
                self._client.cancel(job)
            if self._over.wait(_LOOK_EVERY_S):
                return

    def standings(self) -> Standings:
        """How the compressions stand now."""
        statement = select(Job.id, Job.state, Job.queue).where(Job.kind == JobKind.COMPRESS)
        found = Standings()
        with self._engine.connect().execution_options(read_only=True) as connection:
            for job, state, queue in connection.execute(statement.order_by(Job.id)):
                if queue == Queue.GPU:
                    found.resting.append(job)
                elif state == JobState.RUNNING:
                    found.running.append(job)
                elif state == JobState.QUEUED:
                    found.queued.append(job)
                else:
                    found.finished.append(job)
                    if state == JobState.FAILED:
                        found.failed.append(job)
        return found

    def feeds(self) -> dict[str, tuple[int, int]]:
        """Of each job: how many events it has, and the number of the last."""
        statement = select(Event.job_id, func.count(), func.max(Event.seq))
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(statement.group_by(Event.job_id)).all()
        return {job: (events, last) for job, events, last in rows}

    def _keep(self) -> None:
        try:
            while not self._over.wait(_LOOK_EVERY_S):
                self._once()
        except BaseException as error:  # noqa: BLE001 - told by whoever waits for the run
            self.trouble = error

    def _once(self) -> None:
        now = self.standings()
        if self._flows.is_set():
            self.submit(self._depth - len(now.running) - len(now.queued))
        self._clients.know(
            finished=now.finished[-_FINISHED_AT_MOST:],
            moving=[*now.running, *now.queued],
            resting=now.resting,
        )


def _spec(model: str, images: str) -> dict[str, Any]:
    return {
        "name": "load",
        "model": model,
        "data": {
            "train": {"dataset": images, "split": "train"},
            "calibration": {"dataset": images, "split": "train", "samples": 512},
            "evaluation": {"dataset": images, "split": "test"},
        },
        "task": {"kind": "classification"},
        "benchmark": None,
    }


_ROUNDED = [{"technique": "quantize.static"}]
_TRAINED = [
    {"id": "prune", "technique": "prune.channels", "keep_parameters": 0.25},
    {"id": "distill", "technique": "train.distill", "epochs": 1, "batch_size": 64},
    {"id": "int8", "technique": "quantize.static"},
]
