import torch
from torch import nn

from worker.engine.hold.held import Held, OwnParameters, Together


class Noted(Held):
    """Writes down what it is told."""

    def __init__(self, name: str, notes: list[str], *, ready: bool = True) -> None:
        self.name, self.notes, self._ready = name, notes, ready
        self.parameter = nn.Parameter(torch.zeros(1))

    @property
    def ready(self) -> bool:
        return self._ready

    def taken(self) -> tuple[nn.Parameter, ...]:
        return (self.parameter,)

    def own(self) -> tuple[OwnParameters, ...]:
        return (OwnParameters((self.parameter,)),)

    def hear(self, step: int, steps: int) -> None:
        self.notes.append(f"{self.name} hears {step}/{steps}")

    def before(self) -> None:
        self.notes.append(f"{self.name} before")

    def after(self) -> None:
        self.notes.append(f"{self.name} after")

    def settle(self) -> None:
        self.notes.append(f"{self.name} settles")

    def keep(self) -> None:
        self.notes.append(f"{self.name} keeps")

    def finish(self) -> None:
        self.notes.append(f"{self.name} finishes")


def test_several_are_told_in_order_and_take_back_in_the_other() -> None:
    notes: list[str] = []
    both = Together([Noted("a", notes), Noted("b", notes)])
    both.hear(2, 9)
    both.before()
    both.after()
    both.settle()
    both.keep()
    both.finish()
    assert notes == [
        "a hears 2/9", "b hears 2/9", "a before", "b before", "b after", "a after",
        "a settles", "b settles", "a keeps", "b keeps", "a finishes", "b finishes",
    ]  # fmt: skip
    assert len(both.taken()) == len(both.own()) == 2


def test_several_are_ready_when_the_last_one_is() -> None:
    assert Together([Noted("a", []), Noted("b", [])]).ready
    assert not Together([Noted("a", []), Noted("b", [], ready=False)]).ready
