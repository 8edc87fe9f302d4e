"""The three headers of Standard Webhooks (its specification, version 1.0, "v1" signatures).

signature = "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body))

There may be several, with spaces between them: a receiver takes the message if one of them is
right, so that a secret can be changed without a moment in which nothing fits.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

_PREFIX = "whsec_"


def signed(
    secrets: Iterable[str], message_id: str, timestamp_s: int, body: str
) -> dict[str, str]:
    """The headers of one try; each secret is `whsec_` and base64."""
    content = f"{message_id}.{timestamp_s}.{body}".encode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}"
