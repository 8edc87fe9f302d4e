"""The key file: made once, read each time, refused by name."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lathe.errors import Unavailable
from worker.signer import Signer


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key.pem"
    first = Signer(path).ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer(path).ready() == first
    assert len(first) == 64


def test_of_two_workers_that_make_one_the_first_keys_stays(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    signer = Signer(path)
    first = signer.ready()
    signer._make()  # the other looked before the file was there
    assert signer.ready() == first
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_everybody_reads_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key.pem"
    Signer(path).ready()
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
    path.chmod(0o644)
    Signer(path).ready()
    assert "everybody" in caplog.text


def test_what_is_no_ed25519_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("junk")
    with pytest.raises(Unavailable, match=r"key\.pem is no private key"):
        Signer(path).ready()
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(Unavailable, match="another kind"):
        Signer(path).ready()


def test_a_place_where_no_key_can_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file/key\.pem"):
        Signer(tmp_path / "file" / "key.pem").ready()
