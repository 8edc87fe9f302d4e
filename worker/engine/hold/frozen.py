"""Weights that do not learn."""

from collections.abc import Iterable, Sequence

from torch import nn

from worker.engine.hold.held import Held


class Frozen(Held):
    """The parameters stay as they are, bit by bit."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = tuple(parameters)

    def taken(self) -> Sequence[nn.Parameter]:
        """All of them."""
        return self.parameters

    def after(self) -> None:
        """Their gradients are nobody's."""
        for parameter in self.parameters:
            parameter.grad = None
