"""Where the service is, as whom to call it, and how long one answer may take."""

from typing import Any

import httpx

from lathe.errors import InvalidRequest

TIMEOUT_S = 90.0
CONNECT_S = 10.0
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def options(url: str, key: str, timeout_s: float) -> dict[str, Any]:
    """What httpx is to be told, for both clients; raises InvalidRequest for an address or a
    key that cannot be one."""
    try:
        scheme, host = httpx.URL(url).scheme, httpx.URL(url).host
    except httpx.InvalidURL:
        scheme, host = "", ""
    if scheme not in {"http", "https"} or not host:
        raise InvalidRequest(
            f"{url!r} is no address of a service; write it as http://127.0.0.1:8000",
            param="url",
        )
    if not (key.isascii() and key.isprintable()) or not key or " " in key:
        raise InvalidRequest(
            "this cannot be an API key; it is written lt_<id>_<secret>", param="key"
        )
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
        "timeout": httpx.Timeout(timeout_s, connect=CONNECT_S),
        "trust_env": host not in _HERE,  # no proxy knows the way to this machine
    }
