"""Jobs and their steps as statements."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Select, Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.rows import Job, Step
from app.store.traces.carried import here
from lathe import ids, spec_version
from lathe.errors import Missing
from lathe.job import JobSpec
from lathe.states import JobKind, JobState, Queue

_UNFINISHED = [state for state in JobState if not state.finished]


def compress(
    project_id: str, spec: JobSpec, queue: Queue, request_id: str, retry_of: str | None = None
) -> tuple[Job, list[Step]]:
    """The rows of a new compression job: the job, and one step for each of the pipeline."""
    job = Job(
        id=ids.new("job"),
        project_id=project_id,
        kind=JobKind.COMPRESS,
        queue=queue,
        priority=spec.resources.priority,
        name=spec.name,
        labels=dict(spec.labels),
        spec=spec.model_dump(mode="json"),
        spec_version=spec_version.version_of(spec),
        model_id=spec.model,
        request_id=request_id,
        traceparent=here(),
        retry_of=retry_of,
    )
    steps = [
        Step(
            job_id=job.id,
            position=position,
            step_id=spec.step_id(position),
            technique=step.technique,
        )
        for position, step in enumerate(spec.pipeline)
    ]
    return job, steps


def inspect(
    project_id: str,
    request_id: str,
    *,
    model_id: str | None = None,
    dataset_id: str | None = None,
    retry_of: str | None = None,
    fetches: bool = False,
) -> Job:
    """The row of an upload's inspection, on the queue that has a slot of its own; one that
    `fetches` gets the bytes first."""
    return Job(
        id=ids.new("job"),
        project_id=project_id,
        kind=JobKind.INSPECT,
        queue=Queue.INTAKE,
        spec_version=spec_version.FETCH if fetches else spec_version.INSPECTION,
        model_id=model_id,
        dataset_id=dataset_id,
        request_id=request_id,
        traceparent=here(),
        retry_of=retry_of,
    )


def jobs(project_id: str) -> Select[Job]:
    """The project's jobs."""
    return select(Job).where(Job.project_id == project_id)


def job(project_id: str, job_id: str) -> Select[Job]:
    """One job of the project."""
    return jobs(project_id).where(Job.id == job_id)


def state(job_id: str) -> Select[JobState]:
    """Only the state of a job, for polling; whether the caller may see it is asked before."""
    return select(Job.state).where(Job.id == job_id)


def filtered(
    statement: Select[Job],
    *,
    states: Collection[JobState] = (),
    kind: JobKind | None = None,
    model_id: str | None = None,
    labels: Mapping[str, str],
) -> Select[Job]:
    """`statement` narrowed to jobs in one of `states` and with every label."""
    conditions: list[ColumnElement[bool]] = []
    if states:
        conditions.append(Job.state.in_(list(states)))
    if kind is not None:
        conditions.append(Job.kind == kind)
    if model_id is not None:
        conditions.append(Job.model_id == model_id)
    conditions += [Job.labels[name].as_string() == value for name, value in labels.items()]
    return statement.where(*conditions)


async def find(
    session: AsyncSession, project_id: str, job_id: str, *, hold: bool = False
) -> Job:
    """One job of the project; raises Missing. `hold` locks it until the transaction ends."""
    statement = job(project_id, job_id)
    row = await session.scalar(statement.with_for_update() if hold else statement)
    if row is None:
        raise Missing("there is no such job", param="job_id")
    return row


def unfinished(project_id: str) -> Select[Job]:
    """The project's jobs that may still read models and data sets."""
    return jobs(project_id).where(Job.state.in_(_UNFINISHED))


def forget_model(project_id: str, model_id: str) -> Update:
    """Take the reference to a model from the project's jobs, so that its row can go."""
    return (
        update(Job)
        .where(Job.project_id == project_id, Job.model_id == model_id)
        .values(model_id=None)
        .execution_options(synchronize_session=False)
    )


def forget_dataset(project_id: str, dataset_id: str) -> Update:
    """Take the reference to a data set from the project's jobs, so that its row can go."""
    return (
        update(Job)
        .where(Job.project_id == project_id, Job.dataset_id == dataset_id)
        .values(dataset_id=None)
        .execution_options(synchronize_session=False)
    )


def counts() -> Select[str, str, int]:
    """(state, queue, number) over every project, for the metrics."""
    return select(Job.state, Job.queue, func.count()).group_by(Job.state, Job.queue)
