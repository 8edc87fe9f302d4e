"""Signed manifests, as `lathe verify` reads a stranger's: the envelope, and what was signed."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import atheris
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

with atheris.instrument_imports(include=["lathe.trust"]):
    from lathe.trust.checking import opened, public_key
    from lathe.trust.envelope import PAYLOAD_TYPE, encoded
    from lathe.trust.signing import key_id, public_pem
    from lathe.trust.statement import Statement

from tests.fuzz import json_edits
from tests.fuzz.script import Script
from tests.fuzz.target import Target

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_PUBLIC = _KEY.public_key()
_ID = key_id(_PUBLIC)
_HASH = "ab" * 32
_STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "model.onnx",
                "digest": {"sha256": _HASH},
                "annotations": {"size_bytes": 3, "kind": "onnx"},
            }
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:lathe:compress:1",
                "externalParameters": {"spec": {}},
                "internalParameters": {"queue": "cpu"},
                "resolvedDependencies": [
                    {
                        "name": "net",
                        "uri": "urn:lathe:mdl",
                        "digest": {"sha256": _HASH},
                        "annotations": {
                            "role": "model", "size_bytes": 3, "canonical_sha256": _HASH,
                        },
                    }
                ],
            },
            "runDetails": {
                "builder": {"id": "urn:lathe:worker", "version": {"lathe": "0.1.0"}},
                "metadata": {
                    "invocationId": "job_x",
                    "finishedOn": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
                },
            },
        },
    }
)  # fmt: skip


def _enveloped(body: bytes) -> dict[str, object]:
    signature = _KEY.sign(encoded(PAYLOAD_TYPE, body))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(body).decode(),
        "signatures": [{"keyid": _ID, "sig": base64.b64encode(signature).decode()}],
    }


_SIGNED = json.dumps(_enveloped(_STATEMENT.encode()))


def _one(data: bytes) -> None:
    mode, rest = data[:1], data[1:]
    if mode < b"\x60":  # what was signed, rightly
        body = json_edits.text([_STATEMENT], rest)
        told, by = opened(json.dumps(_enveloped(body)).encode(), [_PUBLIC])
        assert by == _ID
        assert told.job is not None
    elif mode < b"\xc0":  # its envelope
        changed = json_edits.text([_SIGNED], rest)
        told, by = opened(changed, [_PUBLIC])
        assert told == Statement.model_validate_json(_STATEMENT)
    else:
        _public(rest)


def _public(pem: bytes) -> None:
    script = Script(pem)
    if script.byte() < 128:
        text = script.rest()
    else:
        text = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(script.rest())
        text += b"\n-----END PUBLIC KEY-----\n"
    try:
        public_key(text)
    except ValueError as error:
        assert str(error)


def _seeds() -> Iterator[bytes]:
    for mode, document in ((b"\0", _STATEMENT), (b"\x60", _SIGNED)):
        for seed in json_edits.seeds([document]):
            yield mode + seed
    pem = public_pem(_PUBLIC)
    yield b"\xc0\0" + pem.encode()
    yield b"\xc0\x80" + base64.b64decode("".join(pem.splitlines()[1:-1]))


TARGET = Target("signed manifests and public keys", _one, _seeds, longest=512)
