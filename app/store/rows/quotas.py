"""What a project may use, where that is its own limit, and when its jobs ran."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe.states import Queue


class Quota(Base):
    """One limit of one project, instead of the installation's; `most` is empty for "no limit".

    `name` is a field of `app.store.quotas.limits.Limits`.
    """

    __tablename__ = "quotas"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    most: Mapped[int | None] = mapped_column(BigInteger)
    set_at: Mapped[datetime] = mapped_column(default=utc_now)


class Attempt(Base):
    """When one attempt at a job ran: what minutes are counted from, in the month they fell in.

    It names its job without a reference, so that it can outlive the job's row.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_queue_project_id_ended_at", "queue", "project_id", "ended_at"),
    )

    job_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    queue: Mapped[Queue] = mapped_column(String(16))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
