"""Before an inspection: get the bytes of an upload by reference into the store.

This is the supervisor's work, as the sandboxed child has no network; what comes is only
passed on, never opened here.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from sqlalchemy.orm import Session

from app.store import progress, sources
from app.store.blobs.objects import Written, new_key
from app.store.deposit import Stored
from app.store.outbound import InBucket, source
from app.store.queue import Claim
from app.store.quotas.room import Room, check_bytes, room
from app.store.rows import Job
from app.store.sources import Wanted
from lathe.errors import RunTimeout, SourceUnusable, TooLarge, Unanswered
from lathe.states import JobKind
from lathe.views import Progress
from worker.bench import Bench
from worker.ledger import Ledger
from worker.outbound.bucket import FromBucket
from worker.outbound.download import Download, StartOver
from worker.outbound.guard import Guard
from worker.outcome import Outcome, Stop
from worker.settings import Settings
from worker.timeline import Stage, Timeline

_LOOK_S = 0.3
_TELL_S = 1.0
_STARTS = 3

log = logging.getLogger(__name__)

MustStop = Callable[[], Outcome | None]


def fetch(
    claim: Claim, bench: Bench, ledger: Ledger, timeline: Timeline, must_stop: MustStop
) -> Outcome | None:
    """Fetch what the claimed inspection is about; None when its bytes are there.

    `must_stop` is asked several times a second and ends it. Raises AddressRefused,
    SourceUnusable, TooLarge, StorageQuotaReached, Unanswered, RunTimeout,
    OutOfDisk and Unavailable.
    """
    if claim.kind is not JobKind.INSPECT:
        return None
    with bench.sessions() as session:
        session.connection(execution_options={"read_only": True})
        wanted = sources.wanted(session, claim.model_id, claim.dataset_id)
        left = room(session, claim.project_id, bench.settings.limits)
    if wanted is None:
        return None
    with timeline.stage(Stage.FETCH):
        got = asyncio.run(_Fetching(wanted, left, bench, ledger, must_stop).outcome())
    if not isinstance(got, Stored):
        return got

    def fetched(session: Session, job: Job) -> None:
        sources.fetched(session, job, got)
        session.flush()
        check_bytes(session, job.project_id, bench.settings.limits)

    try:
        written = ledger.write(fetched)
    finally:
        ledger.discard_strangers([got])
    return None if written else Stop.LOST


class _Fetching:
    """One fetch, in one event loop; looks at the claim and tells of progress as it goes."""

    def __init__(
        self,
        wanted: Wanted,
        left: Room | None,
        bench: Bench,
        ledger: Ledger,
        must_stop: MustStop,
    ) -> None:
        self._wanted, self._bench, self._ledger = wanted, bench, ledger
        self._left = left
        self._must_stop = must_stop
        self._from: Download | FromBucket | None = None

    async def outcome(self) -> Stored | Outcome:
        limit_s = self._bench.settings.fetch_max_run_s
        fetching = asyncio.create_task(self._fetched())
        watching = asyncio.create_task(self._watched())
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.wait({fetching, watching}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise RunTimeout(
                f"the source did not come within {limit_s} s; name a nearer one, or send it"
            ) from None
        finally:
            both = (fetching, watching)
            ended = [task for task in both if task.done()]
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        return watching.result() if watching in ended else fetching.result()

    async def _fetched(self) -> Stored:
        settings, kind = self._bench.settings, self._wanted.kind
        most = settings.max_model_bytes if kind == "models" else settings.max_dataset_bytes
        async with Guard(
            settings.outbound_allowed, silence_s=settings.fetch_silence_s
        ) as guard:
            for _ in range(_STARTS):
                key = new_key(kind)
                try:
                    written = await self._written(key, guard, most)
                except StartOver:
                    log.info("the source of %s is fetched from its beginning again", key)
                    continue
                return Stored(key, written.sha256, written.size_bytes)
        raise Unanswered("the source was cut again and again, and cannot be gone on with")

    async def _written(self, key: str, guard: Guard, most: int) -> Written:
        self._from = self._opened(guard)
        objects = self._bench.objects
        async with aclosing(self._checked(self._from, most)) as chunks:
            written = await objects.write(key, chunks, max_bytes=most)
        promised = self._wanted.sha256
        if promised not in {None, written.sha256}:
            await objects.adelete(key)
            raise SourceUnusable(
                f"the source has the sha256 {written.sha256}, not {promised}; correct one of "
                "them",
                param="sha256",
            )
        return written

    def _opened(self, guard: Guard) -> Download | FromBucket:
        settings: Settings = self._bench.settings
        place = source(
            self._wanted.url, settings.outbound_allowed, settings.open_buckets, "source"
        )
        if isinstance(place, InBucket):
            return FromBucket(place, settings)
        return Download(guard, place, trusts_content=self._wanted.sha256 is not None)

    async def _checked(self, coming: Download | FromBucket, most: int) -> AsyncGenerator[bytes]:
        async with aclosing(coming.chunks()) as chunks:
            async for chunk in chunks:
                if (coming.total or 0) > most:
                    raise TooLarge(
                        f"the source has {coming.total} bytes; the limit is {most}",
                        param="source",
                    )
                if self._left and max(coming.total or 0, coming.received) > self._left.left:
                    raise self._left.refusal()
                yield chunk
        if not coming.received:
            raise SourceUnusable("the source is empty", param="source")

    async def _watched(self) -> Outcome:
        """Why to stop, as soon as there is a reason."""
        told_s = float("-inf")
        while (stop := self._must_stop()) is None:
            if self._from is not None and time.monotonic() - told_s >= _TELL_S:
                self._ledger.write(self._tell)
                told_s = time.monotonic()
            await asyncio.sleep(_LOOK_S)
        return stop

    def _tell(self, session: Session, job: Job) -> None:
        coming = self._from
        if coming is None:
            return
        received, total = coming.received, coming.total
        fraction = received / total if total else 0.0
        said = Progress(
            fraction=min(1.0, fraction),
            current=received,
            total=total,
            unit="bytes",
            message="fetching the source",
        )
        progress.progressed(session, job, said, announce=False)
