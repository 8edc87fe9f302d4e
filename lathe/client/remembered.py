"""Where uploads that are under way go to, kept in the user's cache folder.

One small file an upload, named by a hash of the service's address and the file's sha256; so
the same file goes on to the same service, from whichever folder it is sent. A cache folder
that cannot be written is no obstacle: then only the call itself goes on after a cut, and a
later call begins anew.
"""

import hashlib
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_FORGOTTEN_AFTER_S = 30 * 86_400.0
_LOCATION = re.compile(r"/v1/uploads/upl_[0-9a-z]{26}")


class Remembered:
    """The address of one upload, across processes."""

    def __init__(self, url: str, sha256: str) -> None:
        name = hashlib.sha256(f"{url.rstrip('/')}\n{sha256}".encode()).hexdigest()
        self._path = _folder() / name[:40]

    def location(self) -> str | None:
        """Where the bytes went that were sent before; None where nothing is known."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text if _LOCATION.fullmatch(text) else None

    def keep(self, location: str) -> None:
        """The file appears whole or not at all. What is older than a month goes."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, delete=False, encoding="ascii"
            ) as file:
                file.write(location)
            Path(file.name).replace(self._path)
            _tidy(self._path.parent)

    def forget(self) -> None:
        """The upload is over."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    home = Path(cache) if Path(cache).is_absolute() else Path("~/.cache").expanduser()
    return home / "lathe" / "uploads"


def _tidy(folder: Path) -> None:
    latest = time.time() - _FORGOTTEN_AFTER_S
    for path in folder.iterdir():
        if path.stat().st_mtime < latest:
            path.unlink()
