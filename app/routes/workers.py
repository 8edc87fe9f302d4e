"""The workers of this installation; for admins."""

from collections import Counter

from fastapi import APIRouter

from app.auth import Admin
from app.http.deps import ReadDb
from app.http.problems import refusals
from app.store import tenants
from app.store.fleet import Fleet, Sighting, at_work, muster
from app.store.walls import walls
from lathe.errors import Forbidden
from lathe.views import Page, WorkerView

router = APIRouter(prefix="/v1", tags=["workers"])


@router.get("/workers", operation_id="list_workers", responses=refusals(Forbidden))
async def list_workers(caller: Admin, db: ReadDb) -> Page[WorkerView]:
    """Every worker seen within the last day, serving or gone, the newest first. A copy of the
    sweep is there, too: it serves no queue.

    Workers belong to the installation, so the admins of every project see them all. `running`
    counts the jobs of the caller's project; those of all only for the project `default`, which
    the operator has.
    """
    whose = None if await tenants.operates(db, caller.project_id) else caller.project_id
    running: Counter[str] = Counter()
    for slot, jobs in await db.execute(at_work(whose)):
        running[slot.rpartition(":")[0]] += jobs
    seen = Fleet.of(await db.execute(muster())).sightings
    found = [each for each in seen if each.worker.queues]  # a sweep has none
    newest_first = sorted(found, key=lambda each: (each.silent_s, each.worker.name))
    return Page(items=[_view(each, running[each.worker.name]) for each in newest_first])


def _view(sighting: Sighting, running: int) -> WorkerView:
    row, (oldest, newest) = sighting.worker, sighting.spec_range
    return WorkerView(
        name=row.name,
        serving=sighting.serving,
        queues=row.queues,
        device=row.device,
        slots=1 if row.slots is None else row.slots,
        running=running,
        memory_bytes=row.memory_bytes,
        release=row.release,
        spec_oldest=oldest,
        spec_newest=newest,
        seen_at=row.seen_at,
        stopped_at=row.stopped_at,
        sandbox=walls(row),
        facts=row.facts,
    )
