"""Check a manifest against public keys, and files against a manifest. No network is asked."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from lathe.errors import Untrusted
from lathe.trust.envelope import PAYLOAD_TYPE, Envelope, decoded, encoded
from lathe.trust.signing import key_id
from lathe.trust.statement import Statement, Subject

MAX_MANIFEST_BYTES = 64 << 20


def public_key(pem: bytes) -> Ed25519PublicKey:
    """Read an Ed25519 public key; raises ValueError with a sentence for anything else."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is no public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(  # noqa: TRY004 - of what people gave
            "this is a key of another kind; manifests are signed with Ed25519"
        )
    return key


def opened(manifest: bytes, keys: Sequence[Ed25519PublicKey]) -> tuple[Statement, str]:
    """What the manifest says, once one of `keys` has signed it, and that key's id.

    Nothing of the payload is read before its signature is right. Raises Untrusted.
    """
    try:
        envelope = Envelope.model_validate_json(manifest)
        body = decoded(envelope.payload)
        signatures = [(decoded(each.sig), each.keyid) for each in envelope.signatures]
    except ValueError as error:
        raise Untrusted("the manifest is no signed envelope; download it again") from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Untrusted(f"the manifest holds {envelope.payload_type!r}, not {PAYLOAD_TYPE}")
    message = encoded(envelope.payload_type, body)
    for signature, _ in signatures:
        for key in keys:
            if _right(key, signature, message):
                return _read(body), key_id(key)
    known = {key_id(key) for key in keys}
    named = next((keyid for _, keyid in signatures if keyid in known), None)
    if named is None:
        said = signatures[0][1]
        raise Untrusted(f"the manifest was signed with another key than the given: {said!r}")
    raise Untrusted("the manifest was changed after it was signed: its signature is wrong")


def _right(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _read(body: bytes) -> Statement:
    try:
        return Statement.model_validate_json(body)
    except ValidationError as error:
        raise Untrusted("what was signed is no manifest that this release can read") from error


def check(file: Path, statement: Statement) -> Subject:
    """The subject that `file` is, by name, size and content; raises Untrusted."""
    named = [each for each in statement.subject if each.name == file.name]
    with file.open("rb") as content:
        size_bytes = content.seek(0, 2)
        content.seek(0)
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    for subject in named:
        if (subject.digest.sha256, subject.annotations.size_bytes) == (sha256, size_bytes):
            return subject
    other = next((each for each in statement.subject if each.digest.sha256 == sha256), None)
    if other is not None:
        raise Untrusted(
            f"{file} is not what its name says: it is {other.name!r} of {statement.job}"
        )
    if not named:
        raise Untrusted(f"{file} is not in the manifest of {statement.job}")
    expected = named[0].annotations.size_bytes
    if size_bytes != expected:
        raise Untrusted(f"{file} was changed: it has {size_bytes:,} bytes, not {expected:,}")
    raise Untrusted(f"{file} was changed: its sha256 is {sha256}, not {named[0].digest.sha256}")
