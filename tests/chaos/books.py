"""The rows, read straight from the database: what the campaign must know while it runs."""

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.store.db import Sessions, sessions, sync_engine
from app.store.rows import Job
from lathe.states import JobState


class Books:
    """Reads only. A database that is away gives None."""

    def __init__(self, database_url: str) -> None:
        self.engine: Engine = sync_engine(database_url)
        self.sessions: Sessions = sessions(self.engine)

    def job(self, job_id: str) -> Job | None:
        """The job's row as it is now."""
        try:
            with self.sessions() as session:
                session.connection(execution_options={"read_only": True})
                return session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
        except SQLAlchemyError:
            return None

    def may_be_shot(self, job_id: str) -> bool:
        """Whether one more dead child is sure to leave the job a try."""
        job = self.job(job_id)
        return job is not None and job.crashes == 0

    def lapsed(self, job_id: str, attempt: int) -> bool:
        """Whether the attempt has lost its claim."""
        job = self.job(job_id)
        if job is None:
            return False
        return job.attempt != attempt or job.state != JobState.RUNNING

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()
