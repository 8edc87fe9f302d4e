"""The three headers of Standard Webhooks (its specification, version 1.0, "v1" signatures).

signature = "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body))
"""

import base64
import hashlib
import hmac

_PREFIX = "whsec_"


def signed(secret: str, message_id: str, timestamp_s: int, body: str) -> dict[str, str]:
    """The headers of one try; `secret` is `whsec_` and base64."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = f"{message_id}.{timestamp_s}.{body}".encode()
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }
