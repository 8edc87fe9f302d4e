"""A line for every request that was refused because of who asked, without what it came with."""

from fastapi import Request

from app.logs import log
from app.store.tenants import split_key
from lathe.errors import Forbidden, Refused, Unauthenticated
from lathe.ids import is_id


def note_refused_access(
    request: Request, refusal: Refused, printable: str | None = None
) -> None:
    """Write it down if `refusal` is about a key or its scopes.

    Of a key only its id is told, and only what has the form of one: the rest is, or could be, a
    secret. `printable` is a key that came in a form.
    """
    if not isinstance(refusal, Unauthenticated | Forbidden):
        return
    log("app.access").warning(
        "refused",
        code=refusal.code,
        why=refusal.detail,
        method=request.method,
        route=getattr(request.scope.get("route"), "path", "unknown"),
        key_id=_key_id(request, printable),
        project_id=getattr(request.state, "project_id", None),
        client=request.client.host if request.client else None,
    )


def _key_id(request: Request, printable: str | None) -> str | None:
    if printable is None:
        scheme, _, printable = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
    key_id, _ = split_key(printable) or ("", "")
    return key_id if is_id("key", key_id) else None
