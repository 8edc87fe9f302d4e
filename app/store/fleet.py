"""The workers as a whole: which queues are served, and by whom a job can be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app.store.clock import db_now, db_now_plus, seconds_between
from app.store.rows import Job, Worker
from app.store.turns import runs
from lathe import spec_version
from lathe.states import Queue

SEEN_LATELY_S = 60  # four of a worker's beats


@dataclass(frozen=True, slots=True)
class Sighting:
    """One worker as the others see it. `silent_s` counts by the database's clock."""

    worker: Worker
    serving: bool
    silent_s: float

    @property
    def spec_range(self) -> tuple[int, int]:
        """The oldest and newest spec version that it reads; a release that tells nothing of
        it reads the first only."""
        worker = self.worker
        return (
            worker.spec_oldest or spec_version.OLDEST,
            worker.spec_newest or spec_version.OLDEST,
        )


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the rows of `muster` tell."""

    sightings: tuple[Sighting, ...]

    @classmethod
    def of(cls, rows: Iterable[Any]) -> "Fleet":
        """From the rows of `muster()`."""
        return cls(tuple(Sighting(*row) for row in rows))

    def serving(self, queue: Queue) -> list[Sighting]:
        """The workers that take jobs of `queue` now."""
        return [each for each in self._of(queue) if each.serving]

    def serves(self, queue: Queue, version: int) -> bool:
        """Whether a worker takes jobs of that spec version from `queue` now."""
        ranges = [each.spec_range for each in self.serving(queue)]
        return any(oldest <= version <= newest for oldest, newest in ranges)

    def deserted(self, queue: Queue, for_s: float) -> bool:
        """Nobody serves `queue`, and nobody did so within the last `for_s` seconds."""
        return all(not each.serving and each.silent_s >= for_s for each in self._of(queue))

    def last_seen(self, queue: Queue) -> datetime | None:
        """When a worker of `queue` was seen last."""
        return max((each.worker.seen_at for each in self._of(queue)), default=None)

    def _of(self, queue: Queue) -> list[Sighting]:
        return [each for each in self.sightings if queue in each.worker.queues]


def muster() -> Select[Worker, bool, float]:
    """Every worker that is remembered, as the fields of `Sighting`."""
    return select(Worker, serves_now(), seconds_between(db_now(), Worker.seen_at))


def at_work(project_id: str | None = None) -> Select[str, int]:
    """(slot, running jobs), of one project where it is named.

    A slot is `<worker's name>:<pid>`.
    """
    running = select(func.coalesce(Job.worker, ""), func.count()).where(runs())
    if project_id is not None:
        running = running.where(Job.project_id == project_id)
    return running.group_by(Job.worker)


def serves_now() -> ColumnElement[bool]:
    """The worker was seen lately and has not stopped since. (One of an older release that
    comes back under its old name leaves `stopped_at` as it was.)"""
    return and_(
        Worker.seen_at > db_now_plus(-SEEN_LATELY_S),
        or_(Worker.stopped_at.is_(None), Worker.stopped_at < Worker.seen_at),
    )


def route(device: str, fleet: Fleet, version: int) -> Queue:
    """The queue of a job that asks for `device`: auto, cpu or cuda."""
    if device == "auto":
        return Queue.GPU if fleet.serves(Queue.GPU, version) else Queue.CPU
    return Queue.GPU if device == "cuda" else Queue.CPU
