"""Reshape and its relatives, in forms that still hold when layers before them get narrower.

A Reshape is read as: some first axes stay, some last axes stay, and what is between them is
merged or split. Then no size of an axis that stays is written into the view, and of the new
sizes the last is left to be worked out.
"""

import math
from typing import Any

import torch
from torch import Tensor, fx

from lathe.facts import Dim
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.modules import SplitLast
from worker.engine.view.op import Op

REST = -1
HEADS_AND_WIDTH = 2


def regroup(x: Tensor, first: int, last: int, sizes: list[int]) -> Tensor:
    """The first and last so many axes stay, `sizes` take the place of those between."""
    shape = list(x.shape)
    return x.reshape(shape[:first] + sizes + shape[len(shape) - last :])


def reshape(x: Tensor, target: Any, *, allow_zero: bool) -> Tensor:
    """ONNX Reshape: 0 copies an axis unless `allow_zero`."""
    sizes = as_list(target)
    if not allow_zero:
        sizes = [
            x.shape[k] if isinstance(d, int) and d == 0 else d for k, d in enumerate(sizes)
        ]
    return x.reshape(sizes)


def expand(x: Tensor, target: Any, kept: tuple[int, ...]) -> Tensor:
    """ONNX Expand, which broadcasts both ways. `kept` counts axes from the last: they have the
    size of x, whatever `target` says."""
    sizes = as_list(target)
    sizes = [1] * (x.dim() - len(sizes)) + sizes
    mine = [1] * (len(sizes) - x.dim()) + list(x.shape)
    keep = {len(sizes) - back for back in kept}
    pairs = enumerate(zip(mine, sizes, strict=True))
    return x.expand(
        [a if k in keep or (isinstance(b, int) and b == 1) else b for k, (a, b) in pairs]
    )


def squeeze(x: Tensor, axes: Any) -> Tensor:
    """Drop axes of size 1: `axes`, or all of them."""
    return x.squeeze() if axes is None else x.squeeze(tuple(as_list(axes)))


def unsqueeze(x: Tensor, axes: Any) -> Tensor:
    """Add axes of size 1; `axes` are positions in the result."""
    places = as_list(axes)
    rank = x.dim() + len(places)
    for axis in sorted(axis % rank for axis in places):
        x = x.unsqueeze(axis)
    return x


def tile(x: Tensor, repeats: Any) -> Tensor:
    """ONNX Tile."""
    return x.repeat(as_list(repeats))


def depth_to_space(x: Tensor, block: int, *, columns_first: bool) -> Tensor:
    """(N, C b b, H, W) -> (N, C, H b, W b)."""
    if columns_first:
        return torch.nn.functional.pixel_shuffle(x, block)
    blocks = torch.unflatten(x, 1, (block, block, -1))
    return blocks.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)


def space_to_depth(x: Tensor, block: int) -> Tensor:
    """(N, C, H b, W b) -> (N, b b C, H, W)."""
    parts = torch.unflatten(torch.unflatten(x, 3, (-1, block)), 2, (-1, block))
    return parts.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def reshape_form(build: Builder, op: Op) -> None:
    """The narrowest form that fits; the literal one where shapes are not known."""
    x = build.tensor(op.inputs[0])
    target = build.host(op.inputs[1])
    allow_zero = bool(op.integer("allowzero", 0))
    before = build.source.shapes.get(op.inputs[0])
    after = build.source.shapes.get(op.outputs[0])
    node = None
    if before is not None and after is not None:
        zeros = [] if allow_zero or isinstance(target, fx.Node) else as_list(target)
        copied = {k for k, size in enumerate(zeros) if size == 0}
        node = _safe(build, op, x, *_aligned(before, after, copied))
    if node is None:
        node = build.call(reshape, x, target, allow_zero=allow_zero)
    build.put(op.outputs[0], node)


def flatten_form(build: Builder, op: Op) -> None:
    """Two axes: those before `axis`, and those from it on."""
    x, axis = build.tensor(op.inputs[0]), op.integer("axis", 1)
    rank = build.source.rank(op.inputs[0])
    if axis < 0:
        if rank is None:
            raise Blocked("unknown rank")
        axis += rank
    if axis == 0:
        node = build.call(reshape, x, [1, REST], allow_zero=False)
    elif axis == 1:
        node = build.call(torch.flatten, x, 1)
    elif axis == rank:
        node = build.call(reshape, x, [REST, 1], allow_zero=False)
    else:
        node = build.call(torch.flatten, build.call(torch.flatten, x, axis), 0, axis - 1)
    build.put(op.outputs[0], node)


def transpose(build: Builder, op: Op) -> None:
    """Reversed where no order is given."""
    rank = build.source.rank(op.inputs[0])
    if "perm" not in op.attributes and rank is None:
        raise Blocked("unknown rank")
    order = op.integers("perm", list(range(rank or 0))[::-1])
    build.put(op.outputs[0], build.call(torch.permute, build.tensor(op.inputs[0]), order))


def squeeze_form(build: Builder, op: Op) -> None:
    """Axes are an input."""
    axes = build.host(op.inputs[1]) if op.has(1) else None
    build.put(op.outputs[0], build.call(squeeze, build.tensor(op.inputs[0]), axes))


def unsqueeze_form(build: Builder, op: Op) -> None:
    """Axes are an input."""
    axes = build.host(op.inputs[1])
    build.put(op.outputs[0], build.call(unsqueeze, build.tensor(op.inputs[0]), axes))


def expand_form(build: Builder, op: Op) -> None:
    """Axes whose size does not change follow the input."""
    before = build.source.shapes.get(op.inputs[0], ())
    after = build.source.shapes.get(op.outputs[0], ())
    pairs = enumerate(zip(reversed(before), reversed(after), strict=False), start=1)
    kept = tuple(back for back, (a, b) in pairs if isinstance(a, int) and a == b)
    node = build.call(expand, build.tensor(op.inputs[0]), build.host(op.inputs[1]), kept)
    build.put(op.outputs[0], node)


def tile_form(build: Builder, op: Op) -> None:
    """Repeats are an input."""
    repeats = build.host(op.inputs[1])
    build.put(op.outputs[0], build.call(tile, build.tensor(op.inputs[0]), repeats))


def depth_to_space_form(build: Builder, op: Op) -> None:
    """Either order."""
    columns_first = op.text("mode", "DCR") == "CRD"
    x, block = build.tensor(op.inputs[0]), op.integer("blocksize", 1)
    node = build.call(depth_to_space, x, block, columns_first=columns_first)
    build.put(op.outputs[0], node)


def space_to_depth_form(build: Builder, op: Op) -> None:
    """The order DCR, the only one before opset 25."""
    if op.text("mode", "DCR") != "DCR":
        raise Blocked("mode")
    block = op.integer("blocksize", 1)
    build.put(op.outputs[0], build.call(space_to_depth, build.tensor(op.inputs[0]), block))


def _aligned(
    before: tuple[Dim, ...], after: tuple[Dim, ...], copied: set[int]
) -> tuple[list[Dim], list[Dim]]:
    """Both shapes with one name for a symbolic size that must be the same in both."""
    old, new = list(before), list(after)
    for axis in copied:
        name = old[axis] if old[axis] is not None else f"axis {axis}"
        old[axis] = new[axis] = name
    open_old = [k for k, size in enumerate(old) if not isinstance(size, int)]
    open_new = [k for k, size in enumerate(new) if not isinstance(size, int)]
    if len(open_old) == len(open_new) == 1 and _fixed(old) == _fixed(new):
        old[open_old[0]] = new[open_new[0]] = "rest"
    return old, new


def _fixed(shape: list[Dim]) -> int:
    return math.prod(size for size in shape if isinstance(size, int))


def _safe(build: Builder, op: Op, x: fx.Node, old: list[Dim], new: list[Dim]) -> fx.Node | None:
    """A form without sizes of axes that stay; None where there is none."""
    first = _run(old, new)
    last = _run(old[first:][::-1], new[first:][::-1])
    between = new[first : len(new) - last]
    merged = len(old) - first - last
    if not between and not merged:
        return x
    if not between and not last and first:  # axes of size 1 at the end go
        return build.call(torch.flatten, x, first - 1)
    if len(between) == 1 and merged > 1:
        end = first + merged - 1 if last else REST
        return build.call(torch.flatten, x, first, end)
    sizes = [size if isinstance(size, int) else REST for size in between]
    if REST not in sizes and merged and sizes:
        sizes[-1] = REST
    if merged == 1 and last == 0 and len(sizes) == HEADS_AND_WIDTH and sizes[0] != REST:
        return build.module(op, SplitLast(sizes[0]), x)
    return build.call(regroup, x, first, last, sizes) if sizes.count(REST) <= 1 else None


def _run(old: list[Dim], new: list[Dim]) -> int:
    """How many leading sizes are certainly the same."""
    count = 0
    for a, b in zip(old, new, strict=False):
        if a is None or a != b:
            break
        count += 1
    return count


FORMS = {
    "Reshape": reshape_form,
    "Flatten": flatten_form,
    "Transpose": transpose,
    "Squeeze": squeeze_form,
    "Unsqueeze": unsqueeze_form,
    "Expand": expand_form,
    "Tile": tile_form,
    "DepthToSpace": depth_to_space_form,
    "SpaceToDepth": space_to_depth_form,
}
