"""Which parameters of the view make up a tensor of the file, and that tensor's layout in them.

A binding reads the file's tensor out of a module and moves numbers, no more: transposes,
stacks, gates in another order. The gradient of such a map is its inverse, so the gradient of
what was read, with the file's numbers as the gradient that comes in, is these numbers laid out
as the parameters are.
"""

import torch
from torch import Tensor, nn

from worker.engine.view import TorchView
from worker.engine.view.binding import Binding


def parameters_of(view: TorchView, name: str) -> list[nn.Parameter]:
    """The parameters that hold the tensor `name`, each once; none where it is not trained."""
    found: dict[int, nn.Parameter] = {}
    for binding in _bindings(view, name):
        parts, read = _read(view, binding)
        for parameter, piece in _pieces(parts, read, torch.ones_like(read)):
            del piece
            found[id(parameter)] = parameter
    return list(found.values())


def laid_out(view: TorchView, name: str, values: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
    """`values`, which broadcast to the tensor `name` of the file, beside each parameter that
    holds a part of it: float32, shaped as the parameter, on its device."""
    found: dict[int, tuple[nn.Parameter, Tensor]] = {}
    for binding in _bindings(view, name):
        parts, read = _read(view, binding)
        whole = values.to(read.device, torch.float32).expand(read.shape)
        for parameter, piece in _pieces(parts, read, whole):
            found[id(parameter)] = parameter, piece
    return list(found.values())


def read_back(view: TorchView, name: str) -> Tensor:
    """The tensor `name` as the file lays it out, from the parameters of its first binding."""
    binding = _bindings(view, name)[0]
    with torch.no_grad():
        return binding.read(view.module.get_submodule(binding.path)).detach()


def _bindings(view: TorchView, name: str) -> list[Binding]:
    return [binding for binding in view.bindings if binding.initialiser == name]


def _read(view: TorchView, binding: Binding) -> tuple[list[nn.Parameter], Tensor]:
    module = view.module.get_submodule(binding.path)
    with torch.enable_grad():
        return list(module.parameters()), binding.read(module)


def _pieces(
    parts: list[nn.Parameter], read: Tensor, values: Tensor
) -> list[tuple[nn.Parameter, Tensor]]:
    """The share of `values` of every parameter that `read` came from."""
    if not read.requires_grad:
        return []
    pieces = torch.autograd.grad(read, parts, values, allow_unused=True)
    return [(p, piece) for p, piece in zip(parts, pieces, strict=True) if piece is not None]
