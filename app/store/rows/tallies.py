"""Counts that outlive every process and every row that they count."""

from sqlalchemy import Float, String
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base


class Tally(Base):
    """One series of one metric of `app.store.tallies`; a histogram has one a bucket, and its
    sum. It says nothing of any project."""

    __tablename__ = "tallies"

    metric: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(200), primary_key=True)  # values, JSON
    part: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[float] = mapped_column(Float, default=0.0)
