"""New secrets for old ones: of API keys and of webhooks. The old one goes on for a grace."""

from fastapi import APIRouter
from pydantic import Field

from app import present
from app.auth import Admin, Writer
from app.http.deps import Db, Parts
from app.http.problems import refusals
from app.http.strict import StrictRoute
from app.store import rotation, tenants, webhooks
from lathe.errors import Conflict, Forbidden, Missing
from lathe.spec import Spec
from lathe.views import NewKeyView, NewWebhookView

router = APIRouter(prefix="/v1", route_class=StrictRoute)

DAY_S = 86_400
_LONGEST_S = 30 * DAY_S


class Rotation(Spec):
    """How a secret is to end that gets a successor."""

    grace_s: int = Field(
        DAY_S,
        ge=0,
        le=_LONGEST_S,
        description="Seconds that the old one is still good for; 0 ends it at once.",
    )


@router.post(
    "/keys/{key_id}/rotate",
    status_code=201,
    operation_id="rotate_key",
    tags=["projects"],
    responses=refusals(Forbidden, Missing, Conflict),
)
async def rotate_key(key_id: str, body: Rotation, caller: Admin, parts: Parts) -> NewKeyView:
    """Make a key with the name, the scopes and the length of life of this one, which ends
    after the grace and with it who is signed in with it on the page. The new secret is shown
    in this answer only."""
    async with parts.writing() as db:
        row = await db.scalar(tenants.key_of(caller.project_id, key_id).with_for_update())
        if row is None:
            raise Missing("there is no such key", param="key_id")
        fresh, printable = rotation.successor(row, body.grace_s)
        if body.grace_s == 0:
            await db.execute(rotation.end_sessions(row.id))
        grace = {"successor": fresh.id, "grace_s": str(body.grace_s)}
        db.add_all([fresh, caller.audit("key.rotate", row.id, **grace)])
    parts.keys.forget(key_id)
    return NewKeyView.model_validate({**present.key_fields(fresh), "key": printable})


@router.post(
    "/webhooks/{webhook_id}/rotate",
    operation_id="rotate_webhook",
    tags=["webhooks"],
    responses=refusals(Forbidden, Missing),
)
async def rotate_webhook(
    webhook_id: str, body: Rotation, caller: Writer, db: Db
) -> NewWebhookView:
    """Give a webhook a new secret, shown in this answer only. During the grace messages carry
    a signature by each of the two; a secret that was still in an earlier grace ends now."""
    row = await webhooks.find(db, caller.project_id, webhook_id, hold=True)
    webhooks.rotate(row, body.grace_s)
    db.add(caller.audit("webhook.rotate", row.id, grace_s=str(body.grace_s)))
    await db.flush()
    return NewWebhookView.model_validate({**present.webhook_fields(row), "secret": row.secret})
