"""Signatures of a known key."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lathe.trust.signing import key_id, sign
from lathe.trust.statement import Statement


def test_the_manifest_is_an_in_toto_statement_in_a_dsse_envelope(
    key: Ed25519PrivateKey, statement: Statement
) -> None:
    envelope = json.loads(sign(statement, key).model_dump_json())
    assert set(envelope) == {"payloadType", "payload", "signatures"}
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    body = base64.b64decode(envelope["payload"])
    said = json.loads(body)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert set(said["predicate"]) == {"buildDefinition", "runDetails"}
    assert said["predicate"]["runDetails"]["metadata"]["invocationId"] == "job_1"
    assert said["subject"][1] == {
        "name": "report.json",
        "digest": {"sha256": hashlib.sha256(b"{}").hexdigest()},
        "annotations": {"size_bytes": 2, "kind": "onnx"},
    }
    (signature,) = envelope["signatures"]
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(body), body)
    key.public_key().verify(base64.b64decode(signature["sig"]), message)


def test_the_key_id_is_the_hash_of_the_key_in_der(key: Ed25519PrivateKey) -> None:
    raw = key.public_key().public_bytes_raw()
    der = bytes.fromhex("302a300506032b6570032100") + raw  # RFC 8410, section 10.1
    assert key_id(key.public_key()) == hashlib.sha256(der).hexdigest()
