"""A project's webhooks as statements."""

import base64
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Delete, Select, Update, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.clock import db_now
from app.store.rows import Delivery, Project, Webhook
from app.store.rows.base import utc_now
from lathe import ids
from lathe.errors import Conflict, Missing
from lathe.events import EventName

_SECRET_BYTES = 32


def webhooks(project_id: str) -> Select[Webhook]:
    """The project's webhooks."""
    return select(Webhook).where(Webhook.project_id == project_id)


def deliveries(project_id: str, webhook_id: str, state: str | None) -> Select[Delivery]:
    """What a webhook of the project was and is to be told; `state` narrows it."""
    statement = select(Delivery).where(
        Delivery.project_id == project_id, Delivery.webhook_id == webhook_id
    )
    return statement if state is None else statement.where(Delivery.state == state)


async def add(
    session: AsyncSession,
    project_id: str,
    *,
    url: str,
    name: str | None,
    events: Sequence[EventName],
    most: int,
) -> Webhook:
    """A new webhook with its secret; raises Conflict when the project has `most` already."""
    project = select(Project.id).where(Project.id == project_id)
    await session.execute(project.with_for_update())  # two at once must not both find room
    counted = select(func.count()).where(Webhook.project_id == project_id)
    if (await session.scalar(counted) or 0) >= most:
        raise Conflict(f"this project has {most} webhooks, its limit; delete one first")
    row = Webhook(
        id=ids.new("whk"),
        project_id=project_id,
        name=name,
        url=url,
        secret=_new_secret(),
        events=list(events),
    )
    session.add(row)
    return row


def rotate(hook: Webhook, grace_s: int) -> None:
    """Give the webhook a new secret; the present one signs beside it for so long. One that
    was still in its grace ends."""
    hook.former_secret = hook.secret if grace_s else None
    hook.former_secret_until = utc_now() + timedelta(seconds=grace_s) if grace_s else None
    hook.secret = _new_secret()


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


async def find(
    session: AsyncSession, project_id: str, webhook_id: str, *, hold: bool = False
) -> Webhook:
    """A webhook of the project; raises Missing. `hold` locks it until the transaction ends."""
    statement = webhooks(project_id).where(Webhook.id == webhook_id)
    row = await session.scalar(statement.with_for_update() if hold else statement)
    if row is None:
        raise Missing("there is no such webhook", param="webhook_id")
    return row


async def find_delivery(session: AsyncSession, hook: Webhook, delivery_id: str) -> Delivery:
    """A delivery to this webhook, locked until the transaction ends; raises Missing."""
    statement = deliveries(hook.project_id, hook.id, None).where(Delivery.id == delivery_id)
    row = await session.scalar(statement.with_for_update())
    if row is None:
        raise Missing("there is no such delivery", param="delivery_id")
    return row


def forget_deliveries(webhook_id: str) -> Delete:
    """Delete what a webhook was and is to be told, so that its row can go."""
    return (
        delete(Delivery)
        .where(Delivery.webhook_id == webhook_id)
        .execution_options(synchronize_session=False)
    )


def again(delivery_id: str) -> Update:
    """Make a delivery due now, with every try before it."""
    return (
        update(Delivery)
        .where(Delivery.id == delivery_id)
        .values(state="pending", attempts=0, next_at=db_now())
        .execution_options(synchronize_session=False)
    )
