"""DSSE, the signature envelope of in-toto and Sigstore, version 1.0.2:

    PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body

LEN is the decimal count of bytes. What is signed is the PAE, so a payload cannot be passed off
as one of another type. https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
"""

import base64
import binascii
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from lathe.spec import Fact

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"

Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class Signature(Fact):
    """One signature; `keyid` is only a hint at the key that checks it."""

    keyid: str
    sig: Base64


class Envelope(Fact):
    """A payload and who signed it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", serialize_by_alias=True, validate_by_name=True
    )

    payload_type: str = Field(alias="payloadType")
    payload: Base64
    signatures: tuple[Signature, ...] = Field(min_length=1, max_length=16)


def encoded(payload_type: str, body: bytes) -> bytes:
    """The bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def decoded(text: str) -> bytes:
    """What base64 stands for; raises ValueError for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
