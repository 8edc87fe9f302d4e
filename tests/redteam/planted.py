"""A payload that does no harm but leaves a trace: code that ran has made a file."""

import pickle
from pathlib import Path


class Planted:
    """Pickled, it asks whoever opens it to make the file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def pickled(path: Path) -> bytes:
    """Bytes that make the file at `path` when they are unpickled."""
    return pickle.dumps(Planted(path), protocol=2)
