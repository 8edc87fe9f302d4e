"""Every metric that is counted in the database."""

from dataclasses import dataclass

# seconds to hours; everything longer is above the last
BOUNDS_S = tuple(
    float(bound)
    for bound in (
        *(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
        *(1800, 3600, 7200, 14_400, 43_200),
    )
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A number that only grows."""

    name: str
    says: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """Times as a histogram."""

    name: str
    says: str
    labels: tuple[str, ...]


JOBS_ENDED = Counted("lathe_jobs_ended_total", "Jobs that ended", ("kind", "queue", "state"))
JOB_FAILURES = Counted(
    "lathe_job_failures_total",
    "Jobs that failed, by the failure's code",
    ("kind", "queue", "code"),
)
ATTEMPTS_ENDED = Counted(
    "lathe_attempts_ended_total",
    "Attempts at jobs that ended: succeeded, failed, killed (by a limit), crashed, postponed, "
    "cancelled, worker_stops, lapsed (a silent worker's)",
    ("queue", "how"),
)
SANDBOX_KILLS = Counted(
    "lathe_sandbox_kills_total",
    "Processes of jobs that a limit of time, memory, files or GPU minutes ended, by the "
    "failure's code",
    ("queue", "code"),
)
STEPS = Counted(
    "lathe_steps_total",
    "Steps that were done: they ran, or were reused from the step cache",
    ("technique", "how"),
)
UPLOADS = Counted(
    "lathe_uploads_total",
    "Models and data sets that came: in one body, resumable, or by reference",
    ("kind", "how"),
)
DELIVERY_TRIES = Counted(
    "lathe_delivery_tries_total",
    "Tries to deliver a message to a webhook: delivered, refused, unanswered, gone",
    ("outcome",),
)
SPANS_DROPPED = Counted(
    "lathe_worker_spans_dropped_total",
    "Spans that workers could not tell the collector of traces",
    ("reason",),
)
JOB_WAIT = Timed("lathe_job_wait_seconds", "Time in a queue until an attempt", ("queue",))
JOB_RUN = Timed(
    "lathe_job_run_seconds", "Running time of a job, all its attempts", ("kind", "queue")
)
STEP = Timed("lathe_step_seconds", "Time of a step that ran to its end", ("technique",))
STAGE = Timed(
    "lathe_stage_seconds",
    "Time of each other stage of an attempt: fetch, stage, prepare, inspect, measure, report, "
    "store",
    ("stage",),
)
UPLOAD = Timed(
    "lathe_upload_seconds",
    "Time that the bytes of a model or data set took to come: in one body, or resumable, from "
    "the upload's beginning to its use",
    ("kind", "how"),
)
DELIVERY_TRY = Timed(
    "lathe_delivery_try_seconds",
    "Time of a try to deliver a message to a webhook: delivered, refused, unanswered, gone",
    ("outcome",),
)

COUNTED = (
    JOBS_ENDED,
    JOB_FAILURES,
    ATTEMPTS_ENDED,
    SANDBOX_KILLS,
    STEPS,
    UPLOADS,
    DELIVERY_TRIES,
    SPANS_DROPPED,
)
TIMED = (JOB_WAIT, JOB_RUN, STEP, STAGE, UPLOAD, DELIVERY_TRY)
