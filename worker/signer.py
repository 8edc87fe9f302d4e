"""The private key that manifests are signed with, in a file of the supervisor's.

It is read for each manifest and kept nowhere: a key that is exchanged counts from the next job
on, and no process that bears children holds it longer than a signature takes. Children cannot
reach the file: landlock opens them their own folder alone.
"""

import contextlib
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from lathe.errors import Unavailable
from lathe.trust.envelope import Envelope
from lathe.trust.signing import key_id, public_pem, sign
from lathe.trust.statement import Statement

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signed:
    """A manifest with the public half of the key that signed it."""

    envelope: Envelope
    key_id: str
    public_pem: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with the key in `path`."""

    path: Path

    def sign(self, statement: Statement) -> Signed:
        """The statement, signed. Makes the key where there is none yet; raises Unavailable
        where it cannot be made or read."""
        key = self._key()
        public = key.public_key()
        return Signed(sign(statement, key), key_id(public), public_pem(public))

    def ready(self) -> str:
        """The id of the key; raises Unavailable as `sign` does."""
        return key_id(self._key().public_key())

    def _key(self) -> Ed25519PrivateKey:
        try:
            if not self.path.exists():
                self._make()
            if self.path.stat().st_mode & 0o007:
                log.warning("everybody on this machine can read the key %s", self.path)
            key = load_pem_private_key(self.path.read_bytes(), password=None)
        except OSError as error:
            raise Unavailable(f"the signing key {self.path}: {error.strerror}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Unavailable(
                f"the signing key {self.path} is no private key in PEM form without a password"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise Unavailable(f"the signing key {self.path} is of another kind than Ed25519")
        return key

    def _make(self) -> None:
        """Write a new key, whole and for its owner alone; of several workers that try at once
        the first one's stays."""
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".key-", dir=self.path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, self.path)
                log.info("made a signing key in %s", self.path)
        finally:
            Path(name).unlink()
