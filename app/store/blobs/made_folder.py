"""A folder below the object folder, made where it is not there."""

import os
from contextlib import suppress
from pathlib import Path


def made_folder(root: Path, folder: Path) -> int:
    """A descriptor of `folder`, which lies below `root`; raises OSError, also where `root` is
    gone: it is never made anew."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    missing = folder.relative_to(root).parents[:-1][::-1]
    for part in (*missing, folder.relative_to(root)):
        with suppress(FileExistsError):
            (root / part).mkdir()
    return os.open(folder, flags)
