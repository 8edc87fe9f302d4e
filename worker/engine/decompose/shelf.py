"""Arrays that a layer's ranks were judged by, kept in files until its factors are made."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class Shelf:
    """So that no more than one layer's arrays are in memory; `folder` is the step's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, list[Path]] = {}

    def of(self, name: str, make: Callable[[], tuple[Doubles, ...]]) -> tuple[Doubles, ...]:
        """What `make` made the first time, mapped."""
        if name not in self._kept:
            paths = []
            for place, values in enumerate(make()):
                paths.append(self._folder / f"{len(self._kept)}.{place}.npy")
                np.save(paths[-1], values)
            self._kept[name] = paths
        return tuple(np.load(path, mmap_mode="r") for path in self._kept[name])
