"""What a job may ask for, and who may ask."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lathe.client.asking import ask
from lathe.client.calls.reading import got, got_list, pages, parsed
from lathe.client.talk import Ask, Talk
from lathe.usage import UsageView
from lathe.views import AuditView, KeyView, NewKeyView, RecipeView, TechniqueView


def techniques() -> Talk[list[TechniqueView]]:
    """Every technique with the JSON Schema of its step."""
    return (yield from got_list(TechniqueView, "/v1/techniques"))


def recipes() -> Talk[list[RecipeView]]:
    """Every named pipeline with the JSON Schema of its options."""
    return (yield from got_list(RecipeView, "/v1/recipes"))


def usage() -> Talk[UsageView]:
    """What the project uses and what it may."""
    return (yield from got(UsageView, "/v1/usage"))


def keys() -> Talk[list[KeyView]]:
    """The project's keys without their secrets."""
    return (yield from pages(KeyView, "/v1/keys"))


def create_key(
    name: str, scopes: Sequence[str] | None, expires_at: datetime | None
) -> Talk[NewKeyView]:
    """Not repeated: each one makes a key."""
    body: dict[str, Any] = {"name": name}
    if scopes:
        body["scopes"] = list(scopes)
    if expires_at is not None:
        body["expires_at"] = expires_at.isoformat()
    answer = yield from ask(Ask("POST", "/v1/keys", json=body))
    return parsed(NewKeyView, answer)


def rotate_key(key_id: str, grace_s: int) -> Talk[NewKeyView]:
    """Not repeated: the second would be refused, and the first one's secret be lost."""
    answer = yield from ask(Ask("POST", f"/v1/keys/{key_id}/rotate", json={"grace_s": grace_s}))
    return parsed(NewKeyView, answer)


def audit(
    action: str | None,
    target: str | None,
    key: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> Talk[list[AuditView]]:
    """The newest first."""
    query: dict[str, Any] = {"action": action, "target": target, "key": key}
    query["since"] = since.isoformat() if since else None
    query["until"] = until.isoformat() if until else None
    query["limit"] = min(limit, 200) if limit else None
    given = {name: value for name, value in query.items() if value is not None}
    return (yield from pages(AuditView, "/v1/audit", query=given, limit=limit))


def revoke_key(key_id: str) -> Talk[None]:
    """For ever."""
    yield from ask(Ask("DELETE", f"/v1/keys/{key_id}", again=True))
