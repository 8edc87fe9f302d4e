"""The states of a job and of an uploaded thing, with the moves each allows."""

from enum import StrEnum


class JobState(StrEnum):
    """queued -> running -> succeeded | failed | cancelled; a lost lease goes back to queued."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """A finished job never changes again."""
        return not MOVES[self]


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class StepState(StrEnum):
    """`reused` means the step cache answered; `skipped` means an earlier step failed."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"


class UploadState(StrEnum):
    """pending -> ready | rejected; the inspection job decides."""

    PENDING = "pending"
    READY = "ready"
    REJECTED = "rejected"


class TransferState(StrEnum):
    """A resumable upload: receiving -> whole -> checked -> used; `damaged` when its sha256 is
    not the one that was promised."""

    RECEIVING = "receiving"
    WHOLE = "whole"
    CHECKED = "checked"
    USED = "used"
    DAMAGED = "damaged"


class JobKind(StrEnum):
    """`compress` is asked for by people, `inspect` by every upload."""

    COMPRESS = "compress"
    INSPECT = "inspect"


class Queue(StrEnum):
    """`intake` has a slot of its own, so no upload waits behind a long job."""

    INTAKE = "intake"
    CPU = "cpu"
    GPU = "gpu"
