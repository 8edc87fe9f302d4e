"""Addresses that are told how jobs end, and what they were told."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints

from app import present
from app.auth import Caller, Reader, Writer
from app.http.deps import Db, Paged, Parts, ReadDb
from app.http.listing import page
from app.http.problems import refusals
from app.http.strict import StrictRoute
from app.store import outbox, webhooks
from app.store.outbound import Place
from app.store.rows import Delivery, Webhook
from lathe.errors import AddressRefused, Conflict, Forbidden, Malformed, Missing
from lathe.events import ENDINGS, PING, DeliveryState, EventName
from lathe.names import Name
from lathe.spec import Spec
from lathe.views import DeliveryView, NewWebhookView, Page, WebhookView

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=StrictRoute)


class NewWebhook(Spec):
    """An address that is to be told."""

    url: Annotated[str, StringConstraints(max_length=2000)] = Field(
        description="Where messages are posted to: https, on the public internet.",
        examples=["https://example.org/lathe"],
    )
    name: Name | None = None
    events: tuple[EventName, ...] = Field(
        ENDINGS, min_length=1, max_length=8, description="What it is told of; default endings."
    )


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_webhook",
    responses=refusals(Forbidden, AddressRefused, Conflict),
)
async def create_webhook(
    body: NewWebhook, caller: Writer, db: Db, parts: Parts, response: Response
) -> NewWebhookView:
    """Make a webhook; the secret that signs its messages is shown in this answer only."""
    Place.checked(body.url, parts.settings.outbound_allowed, "url")
    row = await webhooks.add(
        db,
        caller.project_id,
        url=body.url,
        name=body.name,
        events=tuple(dict.fromkeys(body.events)),
        most=parts.settings.max_webhooks,
    )
    db.add(caller.audit("webhook.create", row.id))
    await db.flush()
    response.headers["Location"] = f"/v1/webhooks/{row.id}"
    return NewWebhookView.model_validate({**present.webhook_fields(row), "secret": row.secret})


@router.get("", operation_id="list_webhooks", responses=refusals(Malformed))
async def list_webhooks(caller: Reader, db: ReadDb, paging: Paged) -> Page[WebhookView]:
    """The project's webhooks, without their secrets, newest first."""
    statement = webhooks.webhooks(caller.project_id)
    return await page(db, statement, Webhook, paging, present.webhook)


@router.get("/{webhook_id}", operation_id="read_webhook", responses=refusals(Missing))
async def read_webhook(webhook_id: str, caller: Reader, db: ReadDb) -> WebhookView:
    """A webhook, without its secret."""
    return present.webhook(await webhooks.find(db, caller.project_id, webhook_id))


@router.delete(
    "/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_webhook",
    responses=refusals(Forbidden, Missing),
)
async def delete_webhook(webhook_id: str, caller: Writer, db: Db) -> None:
    """Delete a webhook and everything that it was told; what is on its way may still come."""
    row = await webhooks.find(db, caller.project_id, webhook_id, hold=True)
    await db.execute(webhooks.forget_deliveries(row.id))
    await db.delete(row)
    db.add(caller.audit("webhook.delete", row.id))


@router.post(
    "/{webhook_id}/test",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="test_webhook",
    responses=refusals(Forbidden, Missing, Conflict),
)
async def test_webhook(webhook_id: str, caller: Writer, db: Db) -> DeliveryView:
    """Send a message of the type `ping`; the deliveries say how that went."""
    hook = await _enabled(db, caller, webhook_id)
    waiting = webhooks.deliveries(caller.project_id, hook.id, "pending")
    waiting = waiting.where(Delivery.type == PING).limit(1)
    if await db.scalar(waiting) is not None:
        raise Conflict("a ping is still on its way; wait until it is delivered or dead")
    row = outbox.ping(hook)
    db.add_all([row, caller.audit("webhook.test", hook.id)])
    await db.flush()
    return present.delivery(row)


@router.post(
    "/{webhook_id}/enable",
    operation_id="enable_webhook",
    responses=refusals(Forbidden, Missing),
)
async def enable_webhook(webhook_id: str, caller: Writer, db: Db) -> WebhookView:
    """Tell a webhook again that was disabled because it answered 410. What died stays dead
    until it is asked for."""
    row = await webhooks.find(db, caller.project_id, webhook_id, hold=True)
    row.disabled_at = row.disabled_because = None
    db.add(caller.audit("webhook.enable", row.id))
    return present.webhook(row)


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_deliveries",
    responses=refusals(Missing, Malformed),
)
async def list_deliveries(
    webhook_id: str,
    caller: Reader,
    db: ReadDb,
    paging: Paged,
    state: Annotated[
        DeliveryState | None,
        Query(description="`dead` ones are not tried again by themselves."),
    ] = None,
) -> Page[DeliveryView]:
    """What the webhook was and is to be told, newest first: for 7 days, what died for 30."""
    hook = await webhooks.find(db, caller.project_id, webhook_id)
    statement = webhooks.deliveries(caller.project_id, hook.id, state)
    return await page(db, statement, Delivery, paging, present.delivery)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="redeliver",
    responses=refusals(Forbidden, Missing, Conflict),
)
async def redeliver(webhook_id: str, delivery_id: str, caller: Writer, db: Db) -> DeliveryView:
    """Send a message again that was delivered or died, with its id and every try before it."""
    hook = await _enabled(db, caller, webhook_id)
    row = await webhooks.find_delivery(db, hook, delivery_id)
    if row.state == "pending":
        raise Conflict("this message is still on its way; it is tried again by itself")
    await db.execute(webhooks.again(row.id))
    db.add(caller.audit("webhook.redeliver", row.id))
    await db.flush()
    await db.refresh(row)
    return present.delivery(row)


async def _enabled(db: Db, caller: Caller, webhook_id: str) -> Webhook:
    hook = await webhooks.find(db, caller.project_id, webhook_id, hold=True)
    if hook.disabled_at is not None:
        raise Conflict(f"the webhook is disabled: {hook.disabled_because}; enable it first")
    return hook
