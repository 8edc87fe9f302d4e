"""Where the columns of a matrix lie: planes of a map, and who is whose neighbour.

A map of `height` x `width` cuts each row into planes: the image that a first layer sees
(28 x 28), the kernels of a convolution (3 x 3). Column c is at

    plane c // (height width), y = c // width % height, x = c % width

and its place has a margin around each plane, so that every neighbour has one too:

    place = (plane (height + 2) + y + 2) (width + 4) + x + 2
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Field:
    """A map, and how many columns there are on its planes."""

    columns: int
    height: int
    width: int

    @property
    def stride(self) -> int:
        """From a place to the one below it."""
        return self.width + 4

    @property
    def plane(self) -> int:
        """From a place to the same one of the next plane."""
        return (self.height + 2) * self.stride

    @property
    def size(self) -> int:
        """How many places there are, those behind the last plane included."""
        planes = -(-self.columns // (self.height * self.width))
        return (planes + 1) * self.plane + 2 * self.stride

    @property
    def places(self) -> NDArray[np.intp]:
        """The place of each column."""
        row, x = np.divmod(np.arange(self.columns), self.width)
        plane, y = np.divmod(row, self.height)
        places: NDArray[np.intp] = plane * self.plane + (y + 2) * self.stride + x + 2
        return places

    @property
    def around(self) -> NDArray[np.intp]:
        """From a place to its eight neighbours."""
        down = np.arange(-1, 2) * self.stride
        steps: NDArray[np.intp] = (down[:, None] + np.arange(-1, 2)).ravel()
        return np.delete(steps, 4)  # the place itself
