"""Activations that are rounded to bytes where the integer graph will round them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held, OwnParameters
from worker.engine.quantize.aware.learned_step import BYTE
from worker.engine.quantize.aware.weights import SMALLEST_FACTOR
from worker.engine.view import TorchView


@dataclass(frozen=True, slots=True)
class Grid:
    """The bytes of a tensor: x' = step (q - zero). A `fixed` one may not learn."""

    step: float
    zero: int
    fixed: bool = False


class Quantizer(nn.Module):
    """Rounds what passes. The step is `first` times `factor`, the offset `begun` plus `shift`
    times the width of the first range; only a grid with a zero point has one that learns."""

    first: Tensor
    begun: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("first", torch.tensor(grid.step))
        self.register_buffer("begun", torch.tensor(-grid.zero * grid.step))
        learns = not grid.fixed
        self.factor = nn.Parameter(torch.ones(()), requires_grad=learns)
        self.shift = nn.Parameter(torch.zeros(()), requires_grad=learns and grid.zero > 0)

    @property
    def step(self) -> Tensor:
        """Of now, a scalar."""
        return self.first * self.factor

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of x."""
        inputs = (x, self.factor, self.shift, self.first, self.begun)
        rounded: Tensor = _Rounded.apply(*inputs)  # type: ignore[no-untyped-call] # torch's
        return rounded

    @torch.no_grad()
    def grid(self) -> Grid:
        """As it is now, in the float32 arithmetic of `forward`."""
        step, zero = _grid(self.factor, self.shift, self.first, self.begun)
        return Grid(step.item(), int(zero.item()))


def _grid(factor: Tensor, shift: Tensor, first: Tensor, begun: Tensor) -> tuple[Tensor, Tensor]:
    step = first * factor
    offset = begun + shift * (first * BYTE.high)
    return step, BYTE.nearest(-offset / step)


class _Rounded(torch.autograd.Function):
    """See learned_step.py."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, factor: Tensor, shift: Tensor, first: Tensor, begun: Tensor
    ) -> Tensor:
        step, zero = _grid(factor, shift, first, begun)
        ctx.save_for_backward(x, step, zero, first)
        return BYTE.nearest((x / step).round_().add_(zero)).sub_(zero).mul_(step)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, step, zero, first = ctx.saved_tensors
        v = x / step + zero
        inside = BYTE.inside(v)
        passed = gradient * inside
        scale = BYTE.gradient_scale(x[0].numel())
        factor = (gradient * BYTE.slope(v)).sum() * scale / first
        shift = None
        if ctx.needs_input_grad[2]:
            shift = (gradient - passed).sum() * scale / (first * BYTE.high)
        return passed, factor if ctx.needs_input_grad[1] else None, shift, None, None


class SteppedActivations(Held):
    """The quantizers of a module; what they know lies in the module itself."""

    def __init__(self, quantizers: Iterable[Quantizer]) -> None:
        self.quantizers = tuple(quantizers)

    def taken(self) -> Sequence[nn.Parameter]:
        """All, as weights decay and these do not."""
        return [p for each in self.quantizers for p in each.parameters() if p.requires_grad]

    def own(self) -> Sequence[OwnParameters]:
        """The same."""
        learnt = tuple(self.taken())
        return (OwnParameters(learnt),) if learnt else ()

    @torch.no_grad()
    def settle(self) -> None:
        """Steps stay positive."""
        for each in self.quantizers:
            each.factor.clamp_(min=SMALLEST_FACTOR)


def put_in(
    view: TorchView, places: Mapping[str, str], grids: Mapping[str, Grid]
) -> dict[str, Quantizer]:
    """Round tensors of `view` in place; the quantizers by the name of their grid.

    `places` maps the ONNX name of each tensor to the name of its grid in `grids`. Raises
    KeyError for a tensor that the view does not have.
    """
    graph, device = view.module.graph, view.device
    made = {name: Quantizer(grid).to(device) for name, grid in grids.items()}
    paths = {name: f"quantizer_of_activations_{number}" for number, name in enumerate(made)}
    for name, path in paths.items():
        view.module.add_module(path, made[name])
    nodes = {name: node for node in graph.nodes for name in node.meta.get("onnx", ())}
    doors = [node for node in graph.nodes if node.op == "placeholder"]
    for tensor, name in places.items():
        node = nodes[tensor]
        with graph.inserting_after(doors[-1] if node in doors else node):
            rounded = graph.call_module(paths[name], (node,))
        node.replace_all_uses_with(rounded, lambda user, made=rounded: user is not made)
    view.module.recompile()
    return made
