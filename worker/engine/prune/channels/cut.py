"""Cutting channels out of modules, for good or for a while."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from worker.engine.prune.channels.anatomy import resize, strips
from worker.engine.prune.coupling import Axis, Group, Kept, positions

Old = tuple[nn.Module, str, object]


def cut(module: nn.Module, groups: Sequence[Group], kept: Sequence[Kept]) -> list[Old]:
    """Keep the units `kept` of every group, in place; new tensors, the old ones are returned
    with the module and attribute they stood in."""
    old: list[Old] = []
    for (path, side), stays in positions(groups, kept).items():
        if stays.all():
            continue
        part = module.get_submodule(path)
        index = torch.from_numpy(stays.nonzero()[0])
        for strip in strips(part, side):
            tensor: torch.Tensor = getattr(part, strip.name)
            shorter = tensor.detach().index_select(strip.axis, index.to(tensor.device))
            old.append((part, strip.name, tensor))
            setattr(part, strip.name, nn.Parameter(shorter) if strip.trained else shorter)
        sizes = resize(part, side, int(stays.sum()))
        old.extend((part, name, value) for name, value in sizes.items())
    return old


@contextmanager
def trimmed(module: nn.Module, groups: Sequence[Group], kept: Sequence[Kept]) -> Iterator[None]:
    """`cut`, undone at the end."""
    old = cut(module, groups, kept)
    try:
        yield
    finally:
        for part, name, value in reversed(old):
            setattr(part, name, value)


@contextmanager
def silenced(
    module: nn.Module, groups: Sequence[Group], kept: Sequence[Kept]
) -> Iterator[None]:
    """The uncut module, whose layers do not hear the channels that `cut` would remove.

    Columns that read a removed channel are zero, and a LayerNorm takes its mean and
    variance over the kept channels only. This is what the cut module must compute.
    """
    masks = positions(groups, kept)
    with _columns_zeroed(module, masks), _norms_narrowed(module, masks):
        yield


@contextmanager
def _columns_zeroed(module: nn.Module, masks: Mapping[Axis, Kept]) -> Iterator[None]:
    old: list[tuple[nn.Module, torch.Tensor]] = []
    for (path, side), stays in masks.items():
        part = module.get_submodule(path)
        if side != "in":
            continue
        strip = strips(part, side)[0]
        weight: torch.Tensor = getattr(part, strip.name)
        shape = [1] * weight.dim()
        shape[strip.axis] = -1
        mask = torch.from_numpy(stays).to(weight.device, weight.dtype).reshape(shape)
        old.append((part, weight))
        part.weight = nn.Parameter(weight.detach() * mask)
    try:
        yield
    finally:
        for part, weight in reversed(old):
            setattr(part, "weight", weight)  # noqa: B010 - weight is any module's here


@contextmanager
def _norms_narrowed(module: nn.Module, masks: Mapping[Axis, Kept]) -> Iterator[None]:
    hooks = []
    for (path, _), stays in masks.items():
        part = module.get_submodule(path)
        if isinstance(part, nn.LayerNorm):
            hooks.append(part.register_forward_hook(_Narrow(torch.from_numpy(stays))))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Narrow:
    """Normalises over the channels `stays` and leaves the others 0."""

    def __init__(self, stays: torch.Tensor) -> None:
        self.stays = stays

    def __call__(
        self, norm: nn.LayerNorm, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        stays = self.stays.to(output.device)
        heard = inputs[0][..., stays]
        variance, mean = torch.var_mean(heard, dim=-1, correction=0, keepdim=True)
        result = torch.zeros_like(output)
        result[..., stays] = (heard - mean) / (variance + norm.eps).sqrt() * norm.weight[
            stays
        ] + (norm.bias[stays] if norm.bias is not None else 0)
        return result
