"""What every answer must be, and why the library's other checks are not among them.

positive_data_acceptance: a spec of the right form may name a layer that is not there, data of
another shape, an address that is refused; only the service can know. missing_required_header
and ignored_auth: `let_in` below says more. use_after_free and ensure_resource_availability
are of stateful runs.

negative_data_rejection is asked of what the library made, not of what `settle` put right: bytes
in the place of a text look wrong to it.

Two things are let pass. /v1/jobs:validate answers a wrong spec with 200 and `valid: false`,
which is what it is for. The HTTP parser under the application refuses an address of over 64 KiB
in words of its own; no application is asked.
"""

from typing import Any

import httpx
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
# besides the statuses that the library knows: what a wrong header, range, body or state gives
REJECTED = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 416, 422, 423, 428, 429]
_LONGEST, _BELOW = 1 << 16, b"Invalid HTTP request received."
_ENVELOPE = "application/problem+json"
_OPEN = {"describe_uploads", "healthz", "readyz", "metrics"}


def passes(operation_id: str, failure: str, answer: Any) -> bool:
    """Whether a failure is one of the two that the module's head names."""
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return bool(len(answer.request.url) > _LONGEST and answer.content == _BELOW)
    accepted = operation_id == "validate_job" and failure == "Schema-violating request accepted"
    return accepted and answer.json()["valid"] is False


def answered_wrongly(case: Case, status: int, media_type: str, headers: Any) -> str:
    """What the document cannot say of every answer; empty when all is well."""
    if status >= httpx.codes.BAD_REQUEST and case.method.upper() != "HEAD":
        if media_type != _ENVELOPE:
            return f"a problem is of the type {media_type!r}"
        if "x-request-id" not in headers:
            return "a problem has no X-Request-ID"
    if status == httpx.codes.UNAUTHORIZED and "www-authenticate" not in headers:
        return "a 401 has no WWW-Authenticate"
    if status == httpx.codes.TOO_MANY_REQUESTS and "retry-after" not in headers:
        return "a 429 has no Retry-After"
    return ""


def let_in(operation_id: str, *, has_key: bool, status: int) -> bool:
    """Whether somebody without a key was answered."""
    return not has_key and operation_id not in _OPEN and status < httpx.codes.BAD_REQUEST
