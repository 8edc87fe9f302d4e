"""Conv and ConvTranspose as modules; as functions where the weight is shared or computed."""

from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional

from worker.engine.view.binding import Same
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import META, Builder
from worker.engine.view.op import Op
from worker.engine.view.padding import fixed_pads, pad_same, pad_spatial

CONVS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
CONV_FUNCTIONS: dict[int, Any] = {
    1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d,
}  # fmt: skip

TRANSPOSED_FUNCTIONS: dict[int, Any] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}

FIRST_SPATIAL = 2


def conv(build: Builder, op: Op) -> None:
    """Weight (out, in / groups, *kernel) on both sides."""
    shape = _kernel_shape(build, op)
    spatial = len(shape)
    strides = op.integers("strides", [1] * spatial)
    dilations = op.integers("dilations", [1] * spatial)
    x, padding = _padded(build, op, shape, strides, dilations)
    groups = op.integer("group", 1)
    if not build.weights(op.input(1), op.input(2)):
        bias = build.tensor(op.input(2)) if op.has(2) else None
        args = (strides, padding, dilations, groups)
        function = CONV_FUNCTIONS[spatial]
        node = build.call(function, x, build.tensor(op.input(1)), bias, *args)
        build.claim(op.input(1))
        build.put(op.outputs[0], node)
        return
    weight = build.parameter(op.input(1))
    module = CONVS[spatial](
        weight.shape[1] * groups, weight.shape[0], shape, strides, padding, dilations, groups,
        bias=op.has(2), device=META,
    )  # fmt: skip
    build.put(op.outputs[0], _emit(build, op, module, x))


def conv_transpose(build: Builder, op: Op) -> None:
    """Weight (in, out / groups, *kernel) on both sides."""
    shape = _kernel_shape(build, op)
    spatial = len(shape)
    pads = None if "output_shape" in op.attributes else fixed_pads(op, spatial)
    before, after = pads or ([0] * spatial, [0] * spatial)
    common = [min(pair) for pair in zip(before, after, strict=True)]
    strides = op.integers("strides", [1] * spatial)
    dilations, groups = op.integers("dilations", [1] * spatial), op.integer("group", 1)
    added = op.integers("output_padding", [0] * spatial)
    if "output_shape" in op.attributes:
        reach = [(k - 1) * d + 1 for k, d in zip(shape, dilations, strict=True)]
        added = _enough(build, op, strides, reach, added)
    x = build.tensor(op.inputs[0])
    if build.weights(op.input(1), op.input(2)):
        weight = build.parameter(op.input(1))
        module = TRANSPOSED[spatial](
            weight.shape[0], weight.shape[1] * groups, shape, strides, common, added, groups,
            op.has(2), dilations, device=META,
        )  # fmt: skip
        node = _emit(build, op, module, x)
    else:
        bias = build.tensor(op.input(2)) if op.has(2) else None
        args = (strides, common, added, groups, dilations)
        function = TRANSPOSED_FUNCTIONS[spatial]
        node = build.call(function, x, build.tensor(op.input(1)), bias, *args)
        build.claim(op.input(1))
    if pads is None:
        sizes = op.integers("output_shape", [])[-spatial:]
        upper = op.text("auto_pad", "") == "SAME_UPPER"
        node = build.call(crop_to, node, x, sizes or strides, fixed=bool(sizes), upper=upper)
    elif before != after:
        left = [a - b for a, b in zip(before, common, strict=True)]
        right = [a - b for a, b in zip(after, common, strict=True)]
        node = build.call(crop, node, left, right)
    build.put(op.outputs[0], node)


def _enough(
    build: Builder, op: Op, strides: list[int], reach: list[int], added: list[int]
) -> list[int]:
    """Output padding with which nothing that the result needs is missing at its end."""
    wanted = op.integers("output_shape", [])[-len(strides) :]
    shape = build.source.shapes.get(op.inputs[0], ())[FIRST_SPATIAL:]
    sizes = [size for size in shape if isinstance(size, int)]
    if len(sizes) < len(strides):
        raise Blocked("output_shape of an input of unknown size")
    made = (
        (size - 1) * stride + extent + more
        for size, stride, extent, more in zip(sizes, strides, reach, added, strict=True)
    )
    pairs = zip(added, wanted, made, strict=True)
    return [more + max(size - whole, 0) for more, size, whole in pairs]


def crop_to(y: Tensor, x: Tensor, sizes: list[int], *, fixed: bool, upper: bool) -> Tensor:
    """Cut y to `sizes`, or where they are not `fixed` to so many times the sizes of x; what
    is odd goes at the end (`upper`) or at the beginning. Shorter axes stay, as in
    onnxruntime."""
    before, after = [], []
    for axis, size in enumerate(sizes, start=2):
        total = max(y.shape[axis] - (size if fixed else size * x.shape[axis]), 0)
        less, more = total // 2, total - total // 2
        before.append(less if upper else more)
        after.append(more if upper else less)
    return crop(y, before, after)


def crop(x: Tensor, before: list[int], after: list[int]) -> Tensor:
    """Drop so many elements at both ends of the axes from 2 on."""
    for axis, (left, right) in enumerate(zip(before, after, strict=True), start=2):
        x = x.narrow(axis, left, x.shape[axis] - left - right)
    return x


def _kernel_shape(build: Builder, op: Op) -> list[int]:
    shape = build.source.shapes.get(op.input(1))
    sizes = [size for size in (shape or ())[2:] if isinstance(size, int)]
    if shape is None or len(sizes) != len(shape) - 2 or len(sizes) not in CONVS:
        raise Blocked("an unknown kernel")
    return sizes


def _padded(
    build: Builder, op: Op, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[fx.Node, list[int]]:
    """The input, padded where torch's even padding is not enough, and that padding."""
    x, spatial = build.tensor(op.inputs[0]), len(kernel)
    pads = fixed_pads(op, spatial)
    if pads is None:
        upper = op.text("auto_pad", "") == "SAME_UPPER"
        return build.call(pad_same, x, kernel, strides, dilations, upper=upper), [0] * spatial
    before, after = pads
    if before == after:
        return x, before
    return build.call(pad_spatial, x, before, after), [0] * spatial


def _emit(build: Builder, op: Op, module: Any, x: fx.Node) -> fx.Node:
    module.weight = build.parameter(op.input(1))
    bound = [(op, 1, Same("weight"))]
    if op.has(2):
        module.bias = build.parameter(op.input(2))
        bound.append((op, 2, Same("bias")))
    node = build.layer(op, module, [x], bound)
    build.follow(op, "group", node, "groups")
    return node


FORMS = {"Conv": conv, "ConvTranspose": conv_transpose}
