"""What one worker process works with, made after the fork and used by one thread."""

from dataclasses import dataclass, field, replace

from app.store.blobs.objects import Objects
from app.store.db import Sessions, sessions, sync_engine
from app.store.traces import Tracing, tracing
from app.store.waits import PATIENT
from worker.drain import Drain
from worker.nursery import Nursery
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Bench:
    """`drain` begins when the worker shall end."""

    settings: Settings
    name: str
    sessions: Sessions
    objects: Objects
    nursery: Nursery
    drain: Drain
    tracing: Tracing = field(default_factory=Tracing)

    @classmethod
    def set_up(cls, settings: Settings, name: str) -> "Bench":
        """Open the database and the object store; the nursery starts with the first job."""
        waits = replace(PATIENT, connect_s=settings.database_connect_timeout_s)
        return cls(
            settings=settings,
            name=name,
            sessions=sessions(sync_engine(settings.database_url, waits=waits)),
            objects=open_objects(settings),
            nursery=Nursery(nice=settings.nice),
            drain=Drain(settings.drain_s),
            tracing=tracing(settings, "lathe-worker"),
        )


def open_objects(settings: Settings) -> Objects:
    """The object store that the settings name."""
    secret = settings.s3_secret_access_key
    return Objects.open(
        settings.objects_url,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=None if secret is None else secret.get_secret_value(),
        timeout_s=settings.objects_timeout_s,
    )
