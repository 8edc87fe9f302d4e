"""A job that is looked at: its steps are sent again whenever its feed has grown."""

from collections.abc import AsyncIterator

from fastapi.sse import format_sse_event

from app.follow.events import Still
from app.page.job_page import shown
from app.page.rendering import fragment
from app.services import Services
from app.store.reads import Standing, standings

AGAIN_S = 10.0  # clocks go on while nothing happens
ENDED = "ended"


async def told(
    parts: Services, project_id: str, job_id: str, still: Still
) -> AsyncIterator[bytes]:
    """HTML of the job's progress, event after event; the last one says that it has ended.
    Nothing is said to a visitor who may not `still` look."""
    while True:
        await still()
        standing = (await standings(parts.reads, [job_id])).get(job_id)
        if standing is None:
            return
        job = await shown(parts, project_id, job_id)
        yield format_sse_event(data_str=fragment("job_steps.html", job=job))
        if standing.finished:
            yield format_sse_event(data_str="1", event=ENDED)
            return
        seen = standing.last_seq

        def grown(now: Standing, seen: int = seen) -> bool:
            return now.finished or now.last_seq > seen

        await parts.watch.until(job_id, grown, AGAIN_S)
