"""The public halves of the keys that manifests were signed with."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now


class SigningKey(Base):
    """A key that a worker has signed with; its private half never comes here.

    The id is the SHA-256 of the key in DER. A row is never taken away: manifests outlive keys.
    """

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_key: Mapped[str] = mapped_column(Text)  # PEM
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime] = mapped_column(default=utc_now)
