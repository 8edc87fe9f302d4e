"""When keys were last used, as a statement for many of them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Update, case, literal, or_, update

from app.store.rows import ApiKey
from app.store.rows.base import UtcDateTime


def note_use(used: Mapping[str, datetime]) -> Update:
    """Write the moment at which each of these keys was used, unless a later one is known."""
    moments = {key_id: literal(at, UtcDateTime()) for key_id, at in used.items()}
    moment = case(moments, value=ApiKey.id)
    return (
        update(ApiKey)
        .where(
            ApiKey.id.in_(used),
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment),
        )
        .values(last_used_at=moment)
        .execution_options(synchronize_session=False)
    )
