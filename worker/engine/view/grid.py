"""Images read and written at computed places."""

from torch import Tensor
from torch.nn import functional

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.op import Op

MODES = {"linear": "bilinear", "cubic": "bicubic"}  # torch's names since opset 20
IMAGE_RANK = 4


def grid_sample(build: Builder, op: Op) -> None:
    """Torch's own, which the operator was written after."""
    mode = op.text("mode", "bilinear")
    mode = MODES.get(mode, mode)
    if mode == "bicubic" and build.source.rank(op.inputs[0]) != IMAGE_RANK:
        raise Blocked("cubic volumes")
    x, grid = (build.tensor(name) for name in op.inputs)
    padding = op.text("padding_mode", "zeros")
    aligned = bool(op.integer("align_corners", 0))
    node = build.call(functional.grid_sample, x, grid, mode, padding, align_corners=aligned)
    build.put(op.outputs[0], node)


def affine_grid(build: Builder, op: Op) -> None:
    """Places of an image of the size that is the second input."""
    size = build.host(op.inputs[1])
    aligned = bool(op.integer("align_corners", 0))
    theta = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(places, theta, size, aligned=aligned))


def places(theta: Tensor, size: list[int], *, aligned: bool) -> Tensor:
    """(N, H, W, 2) or (N, D, H, W, 3) on the device of `theta`."""
    return functional.affine_grid(theta, as_list(size), align_corners=aligned)


def column_to_image(build: Builder, op: Op) -> None:
    """Col2Im of images with the same pads on both sides of an axis."""
    image, block = (build.host(name) for name in op.inputs[1:])
    spatial = len(as_list(block)) if isinstance(block, list) else 0
    pads = op.integers("pads", [0] * 2 * spatial)
    if spatial + 2 != IMAGE_RANK or pads[:spatial] != pads[spatial:]:
        raise Blocked("pads or rank")
    strides, dilations = (op.integers(k, [1] * spatial) for k in ("strides", "dilations"))
    args = (image, block, dilations, pads[:spatial], strides)
    build.put(op.outputs[0], build.call(fold, build.tensor(op.inputs[0]), *args))


def fold(x: Tensor, *sizes: list[int]) -> Tensor:
    """(N, C kh kw, L) -> (N, C, H, W): columns added up where they overlap. `sizes` are
    those of the image and of a block, dilations, pads and strides."""
    folded: Tensor = functional.fold(x, *(tuple(size) for size in sizes))
    return folded


FORMS = {"GridSample": grid_sample, "AffineGrid": affine_grid, "Col2Im": column_to_image}
