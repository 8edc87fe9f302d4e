"""Wrong settings are found before the tree grows, not by children that keep dying."""

import subprocess
import sys
from collections.abc import Mapping

from lathe.errors import InvalidRequest

_SIDES = ("app.settings", "worker.settings")


def check_settings(environment: Mapping[str, str]) -> None:
    """Let both sides read their settings; raises InvalidRequest with the first one's line."""
    readers = [
        subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(environment),
        )
        for module in _SIDES
    ]
    said = [reader.communicate()[1].strip() for reader in readers]
    for reader, line in zip(readers, said, strict=True):
        if reader.returncode:
            raise InvalidRequest(line)
