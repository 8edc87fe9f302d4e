"""How active each unit of a group is on real inputs.

    activation  mean |a|          Molchanov et al., arXiv:1611.06440, section 2.2, with |.|
    apoz        mean of a != 0    Hu, Peng, Tai and Tang, "Network Trimming",
                                  arXiv:1607.03250, equation 1: 1 - APoZ

a are the unit's numbers after the first activation behind each layer that makes it, over
examples and positions; for `activation` the layer's own where no activation is known. On the
way to it may lie norms of the group and sums with other layers.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from worker.engine.prune.coupling import ELSEWHERE, Group
from worker.engine.prune.importance import Scores
from worker.engine.view import TorchView
from worker.engine.view.activation import hard_sigmoid, prelu, selu, swish
from worker.engine.view.elementwise import clip

MAKE_ZEROS = (nn.ReLU, nn.Hardswish, nn.Threshold, clip, hard_sigmoid)
OTHERS = (
    *(nn.Sigmoid, nn.Tanh, nn.Mish, nn.Softsign, nn.Softplus, nn.GELU, nn.LeakyReLU),
    *(nn.ELU, nn.CELU, nn.PReLU, selu, swish, prelu),
)
SUMS = (operator.add, torch.add)
Look = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group's units can be seen: the value of `node`, with the units along `axis`."""

    node: fx.Node
    axis: int
    unit: NDArray[np.int64]


def magnitudes(values: Tensor) -> Tensor:
    """|a|."""
    return values.abs()


def nonzero(values: Tensor) -> Tensor:
    """1 where a is not zero."""
    return values != 0


def places(view: TorchView, group: Group, *, zeros: bool) -> list[Place]:
    """Where to look at the group, each value once; with `zeros` only behind activations that
    make any, so perhaps nowhere."""
    through = {member.path for member in group.members if member.side == "through"}
    calls = {node.target: node for node in view.module.graph.nodes if node.op == "call_module"}
    found: dict[fx.Node, Place] = {}
    for member in group.members:
        if member.side != "out":
            continue
        made = calls[member.path]
        axis = -1 if isinstance(view.module.get_submodule(member.path), nn.Linear) else 1
        kinds = MAKE_ZEROS if zeros else MAKE_ZEROS + OTHERS
        seen = [n for n in _activations(view, made, through) if _is(view, n, kinds)]
        if not seen and not zeros:
            seen = [made]
        for node in seen:
            found.setdefault(node, Place(node, axis, member.unit))
    return list(found.values())


class Activity:
    """Adds up what is seen of each group at its places, batch by batch."""

    def __init__(
        self, view: TorchView, groups: Sequence[Group], look: Look, *, zeros: bool
    ) -> None:
        self.view, self.look = view, look
        self.places = [places(view, group, zeros=zeros) for group in groups]
        self.units = [group.units for group in groups]
        self.total: dict[fx.Node, NDArray[np.float64]] = {}
        self.counted: dict[fx.Node, int] = {}
        self.axes = {place.node: place.axis for held in self.places for place in held}

    @torch.no_grad()
    def add(self, inputs: dict[str, Tensor]) -> None:
        """One batch of inputs by name."""
        _Watch(self.view.module, self.axes, self._see).run(*self.view.arguments(inputs))

    def scores(self) -> Scores:
        """The mean over all numbers of a unit, one array (units,) a group."""
        found = []
        for units, held in zip(self.units, self.places, strict=True):
            total, count = np.zeros(units), np.zeros(units)
            for place in held:
                here = place.unit != ELSEWHERE
                means = self.total[place.node] / self.counted[place.node]
                total += np.bincount(place.unit[here], means[here], minlength=units)
                count += np.bincount(place.unit[here], minlength=units)
            found.append(total / count)
        return found

    def _see(self, node: fx.Node, values: Tensor) -> None:
        rows = self.look(values).movedim(self.axes[node], 0).flatten(1)
        here = rows.sum(dim=1, dtype=torch.float64).cpu().numpy()
        self.total[node] = self.total.get(node, 0) + here
        self.counted[node] = self.counted.get(node, 0) + rows.shape[1]


class _Watch(fx.Interpreter):
    """Runs a module and shows what some of its nodes give."""

    def __init__(
        self,
        module: fx.GraphModule,
        wanted: Mapping[fx.Node, int],
        see: Callable[[fx.Node, Tensor], None],
    ) -> None:
        super().__init__(module)
        self.wanted, self.see = wanted, see

    def run_node(self, n: fx.Node) -> object:
        """As the base does; the value is shown."""
        value = super().run_node(n)
        if n in self.wanted:
            self.see(n, value)
        return value


def _activations(view: TorchView, made: fx.Node, through: set[str]) -> Iterator[fx.Node]:
    """The first activations behind `made`."""
    waiting, seen = list(made.users), set[fx.Node]()
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        if _is(view, node, MAKE_ZEROS + OTHERS):
            yield node
        elif node.target in SUMS or (node.op == "call_module" and node.target in through):
            waiting.extend(node.users)


def _is(view: TorchView, node: fx.Node, kinds: tuple[object, ...]) -> bool:
    if node.op == "call_module":
        return type(view.module.get_submodule(str(node.target))) in kinds
    return node.target in kinds
