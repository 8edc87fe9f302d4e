"""A sweep's deleting in a process of its own, which tells of each object and takes its time, so
that it can be killed in the middle: `python -m tests.services.app.caretaker`. With `--orphans`
it takes those, too, however young they are."""

import sys
import time

from app.store.blobs.objects import Objects
from app.store.db import sessions, sync_engine
from worker.bench import open_objects
from worker.keep_settings import KeepSettings
from worker.orphanage import Orphanage
from worker.settings import Settings
from worker.upkeep import Upkeep

PAUSE_S = 0.2


class Slow(Objects):
    """A store that needs a while for each object."""

    def delete(self, key: str) -> None:
        super().delete(key)
        print(key, flush=True)  # noqa: T201 - for who waits to kill this
        time.sleep(PAUSE_S)


def main() -> None:
    """Delete all that is to be deleted, whenever it was doomed."""
    settings = Settings.from_environment()
    objects = open_objects(settings)
    objects.__class__ = Slow
    opened = sessions(sync_engine(settings.database_url))
    keep, young = KeepSettings.from_environment(), "--orphans" in sys.argv
    orphanage = Orphanage(opened, objects, -5.0, between_s=0.0) if young else None
    Upkeep(opened, objects, keep, doomed_for_s=0, orphanage=orphanage).all()


if __name__ == "__main__":
    main()
