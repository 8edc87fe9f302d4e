"""`lathe verify`: what is true, and every way not to be."""

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from lathe.cli import app
from lathe.trust.signing import public_pem, sign
from lathe.trust.statement import Statement
from lathe.views import MANIFEST
from tests.unit.lathe.trust.conftest import FILES, key, statement

__all__ = ["key", "statement"]


@pytest.fixture
def out(tmp_path: Path, key: Ed25519PrivateKey, statement: Statement) -> Path:
    """A folder as `lathe compress` leaves it, and the public key beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST).write_text(sign(statement, key).model_dump_json())
    (tmp_path / "public.pem").write_text(public_pem(key.public_key()))
    return folder


def verify(*arguments: str | Path, key: str = "public.pem", at: Path) -> tuple[int, str]:
    words = ["verify", *map(str, arguments), "--key", str(at.parent / key)]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output.replace("\n", " ")


def test_a_true_folder_is_true(out: Path) -> None:
    status, said = verify(out, "--json", at=out)
    assert status == 0, said
    checked = json.loads(said)["checked"]
    assert [Path(each["file"]).name for each in checked] == ["report.json", "small.onnx"]
    assert {each["job"] for each in checked} == {"job_1"}
    assert [each["size_bytes"] for each in checked] == [2, 7]


def test_one_true_file_is_true_wherever_its_manifest_is(out: Path) -> None:
    alone = out.parent / "small.onnx"
    alone.write_bytes(FILES["small.onnx"])
    status, said = verify(alone, "--manifest", out / MANIFEST, at=out)
    assert (status, "true, 7 bytes, of job_1" in said) == (0, True), said
    status, said = verify(alone, at=out)
    assert (status, "is not there" in said) == (4, True), said


@pytest.mark.parametrize("position", [0, 3, 6])
def test_a_flipped_bit_is_refused(out: Path, position: int) -> None:
    data = bytearray(FILES["small.onnx"])
    data[position] ^= 1
    (out / "small.onnx").write_bytes(data)
    status, said = verify(out, at=out)
    assert (status, "small.onnx was changed: its sha256" in said) == (4, True), said


def test_a_longer_file_is_refused(out: Path) -> None:
    (out / "small.onnx").write_bytes(FILES["small.onnx"] + b"\0")
    status, said = verify(out, at=out)
    assert (status, "has 8 bytes, not 7" in said) == (4, True), said


def test_swapped_files_are_refused(out: Path) -> None:
    (out / "small.onnx").write_bytes(FILES["report.json"])
    status, said = verify(out / "small.onnx", at=out)
    assert (status, "it is 'report.json' of job_1" in said) == (4, True), said


def test_a_file_that_no_manifest_names_is_refused(out: Path) -> None:
    (out / "extra.bin").write_bytes(b"x")
    status, said = verify(out, at=out)
    assert (status, "extra.bin is not in the manifest" in said) == (4, True), said


def test_another_key_is_refused_and_one_of_several_is_enough(out: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    (out.parent / "other.pem").write_text(public_pem(other.public_key()))
    status, said = verify(out, key="other.pem", at=out)
    assert (status, "signed with another key" in said) == (4, True), said
    both = ("--key", out.parent / "other.pem")
    assert verify(out, *both, at=out)[0] == 0


def test_a_key_that_only_claims_the_right_name_is_refused(out: Path) -> None:
    value = json.loads((out / MANIFEST).read_text())
    forger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    body = base64.b64decode(value["payload"])
    forged = forger.sign(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(body), body))
    value["signatures"][0]["sig"] = base64.b64encode(forged).decode()
    (out / MANIFEST).write_text(json.dumps(value))
    status, said = verify(out, at=out)
    assert (status, "signature is wrong" in said) == (4, True), said


def edited_hash(value: dict[str, Any]) -> None:
    body = json.loads(base64.b64decode(value["payload"]))
    body["subject"][0]["digest"]["sha256"] = "0" * 64
    value["payload"] = base64.b64encode(json.dumps(body).encode()).decode()


def another_type(value: dict[str, Any]) -> None:
    value["payloadType"] = "text/plain"


def no_signature(value: dict[str, Any]) -> None:
    value["signatures"] = []


def cut_signature(value: dict[str, Any]) -> None:
    value["signatures"][0]["sig"] = value["signatures"][0]["sig"][:-4]


@pytest.mark.parametrize("edit", [edited_hash, another_type, no_signature, cut_signature])
def test_an_edited_manifest_is_refused(out: Path, edit: Any) -> None:
    value = json.loads((out / MANIFEST).read_text())
    edit(value)
    (out / MANIFEST).write_text(json.dumps(value))
    status, said = verify(out, at=out)
    assert (status, "manifest" in said) == (4, True), said


@pytest.mark.parametrize("junk", [b"", b"\xff", b"[]", b'{"payload": 1}', b"null"])
def test_a_manifest_that_is_none_is_refused(out: Path, junk: bytes) -> None:
    (out / MANIFEST).write_bytes(junk)
    status, said = verify(out, at=out)
    assert (status, "no signed envelope" in said) == (4, True), said


def test_what_is_no_public_ed25519_key_is_a_wrong_command_line(out: Path) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (out.parent / "ec.pem").write_bytes(pem)
    status, said = verify(out, key="ec.pem", at=out)
    assert (status, "Ed25519" in said) == (2, True), said
    (out.parent / "junk.pem").write_bytes(b"junk")
    status, said = verify(out, key="junk.pem", at=out)
    assert (status, "no public key" in said) == (2, True), said


def test_an_empty_folder_proves_nothing(out: Path) -> None:
    for name in FILES:
        (out / name).unlink()
    status, said = verify(out, at=out)
    assert (status, "no artifact" in said) == (4, True), said


def test_without_the_library_a_sentence_says_what_to_install(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    status, said = verify(out, at=out)
    assert (status, "pip install 'lathe[verify]'" in said) == (2, True), said
