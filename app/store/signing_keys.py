"""Which keys sign manifests; workers write them down, the service shows them."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.store.rows import SigningKey
from app.store.rows.base import utc_now
from app.store.upsert import upsert


def used(session: Session, key_id: str, public_pem: str) -> None:
    """Write down that this key signs, in the transaction of what it has signed."""
    now = utc_now()
    session.execute(
        upsert(session, SigningKey)
        .values(id=key_id, public_key=public_pem, created_at=now, last_used_at=now)
        .on_conflict_do_update(index_elements=[SigningKey.id], set_={"last_used_at": now})
    )


def newest_first() -> Select[SigningKey]:
    """Every key, the one that signed last first."""
    return select(SigningKey).order_by(SigningKey.last_used_at.desc(), SigningKey.id)
