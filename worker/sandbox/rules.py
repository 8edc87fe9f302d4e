"""What the child of a claimed job may do: from the settings, its kind and its spec."""

import os

from app.store.queue import Claim
from lathe.job import JobSpec
from lathe.states import JobKind, Queue
from worker.folder import JobFolder
from worker.sandbox.walls import Policy
from worker.settings import Settings


def max_run_s(claim: Claim, settings: Settings) -> int:
    """How long it may run by the clock."""
    if claim.kind is JobKind.INSPECT:
        return settings.inspect_max_run_s
    return JobSpec.model_validate(claim.spec).resources.max_run_s


def rules(claim: Claim, settings: Settings, folder: JobFolder) -> Policy:
    """The caps and walls of its child."""
    inspects = claim.kind is JobKind.INSPECT
    inspect, compress = settings.inspect_memory_bytes, settings.child_memory_bytes
    return Policy(
        mode=settings.sandbox,
        read=(folder.inside,),
        write=(folder.out, folder.path / "tmp"),
        memory_bytes=inspect if inspects else compress,
        memory_limit=f"LATHE_{'INSPECT' if inspects else 'CHILD'}_MEMORY_BYTES",
        cpu_s=max_run_s(claim, settings) * (_threads(claim, settings) + 1),
        time_limit="LATHE_INSPECT_MAX_RUN_S" if inspects else "resources.max_run_s",
        file_bytes=settings.child_file_bytes,
        folder_bytes=settings.child_folder_bytes,
        folder_files=settings.child_files,
        threads=settings.child_threads,
        gpu=claim.queue is Queue.GPU,
    )


def _threads(claim: Claim, settings: Settings) -> int:
    """That compute at once: timing has its own number, of which only cores work."""
    if claim.kind is JobKind.INSPECT:
        return settings.threads
    benchmark = JobSpec.model_validate(claim.spec).benchmark
    timing = 0 if benchmark is None else benchmark.threads
    return max(settings.threads, min(timing, len(os.sched_getaffinity(0))))
