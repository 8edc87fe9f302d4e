"""How well a layer does without some of its inputs once its other weights make them good.

Kurtic, Frantar and Alistarh, "ZipLM", arXiv:2302.04089, section 3.1, the optimal brain surgeon
of Hassibi and Stork with a structure in place of a weight. S are the columns that read unit u:

    loss_u = tr(W_S (G_SS)^-1 W_S^T),    G = (H + d I)^-1
    then for the cheapest unit    W -= W_S (G_SS)^-1 G_S:,    G -= G_:S (G_SS)^-1 G_S:

    W (rows, n) weights; H (n, n) second moments of the inputs; d a fraction of H's mean
    diagonal

loss_u is the squared output error that u adds to that of the units gone before it. Here a unit
may be read by several layers: their losses are added up, each relative to the energy of its
outputs, tr(W H W^T), so that layers of one net compare.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.moments import Doubles
from worker.engine.layerwise.site import Floats

DAMPING = 1e-3
NOBODY = -1  # the unit of a column that belongs to none


class Reader:
    """One layer: `weight` (rows, n), second `moments` (n, n) of its inputs, and the `unit`
    (n,) of each column, from 0 to `units` - 1 or NOBODY."""

    def __init__(
        self, weight: Floats, moments: Doubles, unit: NDArray[np.int64], units: int
    ) -> None:
        n = len(moments)
        damping = DAMPING * float(np.trace(moments)) / n or 1.0
        self.places = _places(unit, units)
        spare = int(self.places.max(initial=n - 1)) + 1 - n  # columns nobody reads
        exact = weight.astype(np.float64)
        self.weight = np.pad(exact, [(0, 0), (0, spare)])
        self.energy = float((exact @ moments * exact).sum())
        self.inverse = np.eye(n + spare)
        self.inverse[:n, :n] = np.linalg.inv(moments + damping * np.eye(n))

    def losses(self) -> Doubles:
        """Of each unit that falls next, (units,), relative to the outputs' energy."""
        if self.energy <= 0:
            return np.zeros(len(self.places))
        blocks = self.inverse[self.places[:, :, None], self.places[:, None, :]]
        read = self.weight[:, self.places].swapaxes(0, 1)  # (units, rows, columns of one)
        lost = (read @ np.linalg.inv(blocks) * read).sum(axis=(1, 2))
        return np.asarray(lost / self.energy)

    def drop(self, unit: int) -> None:
        """Let `unit` fall and the columns that are left make it good."""
        gone = self.places[unit]
        share = np.linalg.solve(self.inverse[np.ix_(gone, gone)], self.inverse[gone])
        self.weight -= self.weight[:, gone] @ share
        self.inverse -= self.inverse[:, gone] @ share
        self.weight[:, gone] = self.inverse[gone] = self.inverse[:, gone] = 0
        self.inverse[gone, gone] = 1


def added_losses(readers: Sequence[Reader], units: int) -> Doubles:
    """What each unit adds to the loss when the cheapest falls first, and so on: (units,), no
    smaller than that of any unit before it. The one that is left adds as much as the last."""
    added, alive, worst = np.zeros(units), np.ones(units, np.bool_), 0.0
    for _ in range(units - 1):
        losses = np.sum([reader.losses() for reader in readers], axis=0)
        unit = int(np.argmin(np.where(alive, losses, np.inf)))
        worst = max(worst, float(losses[unit]))
        added[unit], alive[unit] = worst, False
        for reader in readers:
            reader.drop(unit)
    added[alive] = np.nextafter(worst, np.inf)
    return added


def _places(unit: NDArray[np.int64], units: int) -> NDArray[np.int64]:
    """The columns of each unit, (units, the most of one), filled up with columns behind the
    last."""
    columns = [np.flatnonzero(unit == one) for one in range(units)]
    most = max(len(found) for found in columns)
    behind = len(unit) + np.arange(most)
    return np.stack([np.concatenate([found, behind[: most - len(found)]]) for found in columns])
