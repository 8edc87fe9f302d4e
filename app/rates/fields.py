"""How answers say what a limit is and what of it is left.

Polli, Martinez Ruiz and Miller, "RateLimit header fields for HTTP", an Internet-Draft of the
HTTPAPI working group, draft-ietf-httpapi-ratelimit-headers-11:

    RateLimit-Policy: "reads";q=60000;w=60      so many (q) in so many seconds (w)
    RateLimit: "reads";r=59988                  so many are left (r)
    RateLimit: "reads";r=0;t=7                  more in so many seconds (t), as Retry-After says
"""

import math

from limits import RateLimitItem

from app.rates.rate import Kind


def policy(kind: Kind, item: RateLimitItem) -> bytes:
    """The value of RateLimit-Policy."""
    return f'"{kind}";q={item.amount};w={item.get_expiry()}'.encode()


def rest(kind: Kind, left: int, again_s: float) -> bytes:
    """The value of RateLimit; windows slide, so when there is more is known where nothing is
    left."""
    more = "" if left else f";t={whole_s(again_s)}"
    return f'"{kind}";r={left}{more}'.encode()


def whole_s(seconds: float) -> int:
    """Rounded up: who asks then is not early."""
    return max(1, math.ceil(seconds))
