"""Sign a manifest with an Ed25519 key (RFC 8032)."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lathe.trust.envelope import PAYLOAD_TYPE, Envelope, Signature, encoded
from lathe.trust.statement import Statement


def sign(statement: Statement, key: Ed25519PrivateKey) -> Envelope:
    """The statement in its envelope."""
    body = statement.model_dump_json(exclude_none=True).encode()
    signature = key.sign(encoded(PAYLOAD_TYPE, body))
    return Envelope(
        payload_type=PAYLOAD_TYPE,
        payload=base64.b64encode(body).decode(),
        signatures=(
            Signature(keyid=key_id(key.public_key()), sig=base64.b64encode(signature).decode()),
        ),
    )


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo in DER, as
    `openssl pkey -pubin -in public.pem -outform DER | sha256sum` prints it."""
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def public_pem(key: Ed25519PublicKey) -> str:
    """The key as people hand it on."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
