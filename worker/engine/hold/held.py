"""What the training loop tells whoever holds weights in a form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class OwnParameters:
    """Parameters that a Held brings to the optimiser: their learning rate is the spec's times
    `lr_factor`, and weight decay is theirs only where it `decays`."""

    parameters: tuple[nn.Parameter, ...]
    lr_factor: float = 1.0
    decays: bool = False


class Held:
    """Nothing is held: every answer here is that of weights which are free.

    The optimiser updates latent values, the model computes with effective ones. A step is

        hear, before, forward and backward pass, after, the optimiser's step, settle

    and a look at the held-out part is before, forward passes, keep where it is the best so
    far, after. Gradients are None but between backward and the optimiser's step.
    """

    @property
    def ready(self) -> bool:
        """Whether the weights of now may be chosen as the result; a schedule may run yet."""
        return True

    def taken(self) -> Sequence[nn.Parameter]:
        """Parameters of the module that the optimiser must leave alone."""
        return ()

    def own(self) -> Sequence[OwnParameters]:
        """Parameters that the optimiser is to update besides."""
        return ()

    def hear(self, step: int, steps: int) -> None:
        """The step `step` of `steps`, counted from 0, comes next."""

    def before(self) -> None:
        """Put the effective values in the module."""

    def after(self) -> None:
        """Put the latent values back, and shape the gradients if there are any."""

    def settle(self) -> None:
        """The optimiser made its step: bring the latent values where they may be."""

    def keep(self) -> None:
        """The effective values, now in the module, are the best so far."""

    def finish(self) -> None:
        """The module holds the effective values of the last `keep`, and they stay."""

    def state(self) -> dict[str, Tensor]:
        """What the holder knows by now and its making does not tell it; the parameters of the
        module and the optimiser's sums are written down elsewhere."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; this one was made as that one was."""


def in_last_epoch(step: int, steps: int, epochs: int) -> bool:
    """Whether `step`, counted from 0, ends in the last of `epochs` epochs of `steps` in all."""
    return step + 1 > steps * (1 - 0.5 / epochs)


class Together(Held):
    """Several, told in order; what was put in last is taken out first."""

    def __init__(self, parts: Sequence[Held]) -> None:
        self.parts = tuple(parts)

    @property
    def ready(self) -> bool:
        """Whether all are."""
        return all(part.ready for part in self.parts)

    def taken(self) -> Sequence[nn.Parameter]:
        """Those of all."""
        return [parameter for part in self.parts for parameter in part.taken()]

    def own(self) -> Sequence[OwnParameters]:
        """Those of all."""
        return [group for part in self.parts for group in part.own()]

    def hear(self, step: int, steps: int) -> None:
        """Told to all."""
        for part in self.parts:
            part.hear(step, steps)

    def before(self) -> None:
        """Told to all."""
        for part in self.parts:
            part.before()

    def after(self) -> None:
        """Told to all, the last one first."""
        for part in reversed(self.parts):
            part.after()

    def settle(self) -> None:
        """Told to all."""
        for part in self.parts:
            part.settle()

    def keep(self) -> None:
        """Told to all."""
        for part in self.parts:
            part.keep()

    def finish(self) -> None:
        """Told to all."""
        for part in self.parts:
            part.finish()

    def state(self) -> dict[str, Tensor]:
        """Those of all, as "<part>.<name>"."""
        return {
            f"{number}.{name}": tensor
            for number, part in enumerate(self.parts)
            for name, tensor in part.state().items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Each takes its own."""
        for number, part in enumerate(self.parts):
            start = f"{number}."
            part.restore(
                {k.removeprefix(start): t for k, t in state.items() if k.startswith(start)}
            )
