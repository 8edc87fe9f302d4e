"""A file that is arriving, under a name of its own until it is whole."""

import hashlib
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from lathe.client.talk import Told

_BLOCK_BYTES = 1 << 20


class Partial:
    """`.<name>.<sha256>.part` beside the target. What an earlier attempt left there is kept
    and counted, so that the same download goes on where it was cut."""

    def __init__(self, target: Path, sha256: str, of_bytes: int, told: Told | None) -> None:
        self._target = target
        self._sha256 = sha256
        self._of_bytes = of_bytes
        self._told = told
        self._path = target.with_name(f".{target.name[:100]}.{sha256[:16]}.part")
        self._file = self._path.open("a+b")
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self._count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self.size_bytes == 0:
            self._path.unlink(missing_ok=True)

    @property
    def headers(self) -> dict[str, str]:
        """Asks for what is missing, of this very file."""
        if self.size_bytes == 0:
            return {}
        return {"Range": f"bytes={self.size_bytes}-", "If-Range": f'"{self._sha256}"'}

    @property
    def right(self) -> bool:
        """Whether the whole file is there."""
        return self._digest.hexdigest() == self._sha256

    def take(self, answer: httpx.Response, chunk: bytes) -> None:
        """Append one chunk; an answer that begins anew replaces what is there. A part that
        the disk has no room for is removed."""
        if "begun" not in answer.extensions:
            answer.extensions["begun"] = True
            if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                self._empty()
        try:
            self._file.write(chunk)
            self._file.flush()
        except OSError:
            self.discard()
            raise
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        if self._told:
            self._told(self.size_bytes, self._of_bytes)

    def finish(self) -> Path:
        """Move it under its name."""
        self._file.close()
        return self._path.replace(self._target)

    def discard(self) -> None:
        """Remove it."""
        self.size_bytes = 0
        self._path.unlink(missing_ok=True)

    def _count(self) -> None:
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            self._digest.update(block)
            self.size_bytes += len(block)
        if self.size_bytes > self._of_bytes:
            self._empty()

    def _empty(self) -> None:
        self._file.truncate(0)
        self._digest = hashlib.sha256()
        self.size_bytes = 0
