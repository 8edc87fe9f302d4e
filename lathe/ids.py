"""TypeIDs: a short prefix that names the kind, then a UUIDv7 in Crockford base32.

Format of https://github.com/jetify-com/typeid/tree/main/spec (version 0.3): 26 characters
of `0123456789abcdefghjkmnpqrstvwxyz` hold the 128 bits, most significant first. Ids made
later sort later, so an id is also a keyset cursor.
"""

import os
import re
import time
from typing import Annotated

from pydantic import StringConstraints

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # two characters for ten bits
_SUFFIX = r"[0-7][0-9a-hjkmnp-tv-z]{25}"


def new(prefix: str) -> str:
    """A fresh id such as `job_01k3...`; unique without any coordination."""
    milliseconds = time.time_ns() // 1_000_000
    rand = int.from_bytes(os.urandom(10))
    bits = milliseconds << 80 | 0x7 << 76 | (rand >> 68 & 0xFFF) << 64
    bits |= 0b10 << 62 | rand & (1 << 62) - 1
    pairs = [_PAIRS[bits >> shift & 0x3FF] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` is a well-formed id of this kind."""
    return re.fullmatch(f"{prefix}_{_SUFFIX}", text) is not None


def _pattern(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=f"^{prefix}_{_SUFFIX}$")


ModelId = Annotated[str, _pattern("mdl")]
DatasetId = Annotated[str, _pattern("dat")]
JobId = Annotated[str, _pattern("job")]
ArtifactId = Annotated[str, _pattern("art")]
ProjectId = Annotated[str, _pattern("prj")]
UploadId = Annotated[str, _pattern("upl")]
KeyId = Annotated[str, _pattern("key")]
WebhookId = Annotated[str, _pattern("whk")]
