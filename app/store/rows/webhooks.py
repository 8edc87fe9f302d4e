"""Webhooks, and the outbox of what they are to be told."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe import ids
from lathe.events import DeliveryState

_DUE, _DEAD, _DELIVERED = (
    text(f"state = '{state}'") for state in ("pending", "dead", "delivered")
)


class Webhook(Base):
    """An address of a project that is told about jobs which name it.

    The secret signs every message, so it lies here as it is; nobody is shown it again. After
    a rotation the former one signs beside it until `former_secret_until`.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("ix_webhooks_project_id_created_at", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("whk")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(100))
    former_secret: Mapped[str | None] = mapped_column(String(100))
    former_secret_until: Mapped[datetime | None]
    events: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None] = mapped_column(String(300))


class Delivery(Base):
    """One message to one webhook, written in the transaction of what it tells.

    Its id is the message's, the same on every try. `next_at` is when the next try is due; a
    try moves it behind its own end first, so a killed one comes due again by itself. With
    `attempts` it is the fencing token: whoever writes the outcome must still find both.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_webhook_id_created_at", "webhook_id", "created_at", "id"),
        Index("ix_deliveries_due", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("ix_deliveries_dead", "created_at", sqlite_where=_DEAD, postgresql_where=_DEAD),
        Index(
            "ix_deliveries_delivered",
            "created_at",
            sqlite_where=_DELIVERED,
            postgresql_where=_DELIVERED,
        ),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("msg")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    job_id: Mapped[str | None] = mapped_column(String(40))
    traceparent: Mapped[str | None] = mapped_column(String(55))  # the job's
    type: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)  # exactly what is sent and signed
    state: Mapped[DeliveryState] = mapped_column(String(16), default="pending")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    next_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_at: Mapped[datetime | None]
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(300))
    last_answer: Mapped[str | None] = mapped_column(String(500))  # the body's beginning
