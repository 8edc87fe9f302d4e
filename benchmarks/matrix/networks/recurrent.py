"""Recurrent nets in small: one that reads forward, one that reads both ways."""

from torch import Tensor, nn

from benchmarks.matrix.networks.tasks import RHYTHMS, SENSORS


class Lstm(nn.Module):
    """Hochreiter and Schmidhuber 1997: 96 units, the last state answers."""

    def __init__(self, units: int = 96) -> None:
        super().__init__()
        self.reader = nn.LSTM(SENSORS, units, batch_first=True)
        self.head = nn.Linear(units, RHYTHMS)

    def forward(self, series: Tensor) -> Tensor:
        """(batch, steps, sensors) to (batch, rhythms) logits."""
        states, _ = self.reader(series)
        return self.head(states[:, -1])


class BiGru(nn.Module):
    """Cho et al. 2014, read both ways: 64 units each, the mean of all states answers."""

    def __init__(self, units: int = 64) -> None:
        super().__init__()
        self.reader = nn.GRU(SENSORS, units, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * units, RHYTHMS)

    def forward(self, series: Tensor) -> Tensor:
        """(batch, steps, sensors) to (batch, rhythms) logits."""
        states, _ = self.reader(series)
        return self.head(states.mean(1))
