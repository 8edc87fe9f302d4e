"""Files for parsers that take a path: written over for every input, never made anew."""

import os
import shutil
from pathlib import Path

_open: dict[str, int] = {}
ROOM = "scratch"  # below the folder of the run, which is the working folder


def held(data: bytes, name: str = "upload") -> Path:
    """The path of a file that holds just these bytes."""
    path = Path(ROOM, name).absolute()
    if name not in _open:
        path.parent.mkdir(parents=True, exist_ok=True)
        _open[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.ftruncate(_open[name], 0)
    os.pwrite(_open[name], data, 0)
    return path


def emptied(name: str = "unpacked") -> Path:
    """The path of a folder that is not there, whatever the input before had put into it."""
    path = Path(ROOM, name).absolute()
    if path.exists():
        shutil.rmtree(path)
    return path
