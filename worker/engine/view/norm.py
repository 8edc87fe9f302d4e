"""Normalisations with learned scales as torch modules."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.engine.view.binding import Same
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

EPSILON = 1e-5
TINY = 1e-9  # what MeanVarianceNormalization adds
BATCH_NORMS: dict[int, Any] = {
    2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d,
}  # fmt: skip
INSTANCE_NORMS: dict[int, Any] = {
    3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d,
}  # fmt: skip
SCALE_PER_CHANNEL_OPSET = 21  # GroupNormalization 18 had one scale a group


def batch_norm(build: Builder, op: Op) -> None:
    """Inference form: y = scale (x - mean) / sqrt(var + eps) + shift. ONNX's momentum is the
    share of the old statistic, torch's of the new one."""
    if op.integer("training_mode", 0) or len(op.outputs) > 1:
        raise Blocked("training_mode")
    rank = build.source.rank(op.inputs[0])
    _, scale, shift, mean, variance = op.inputs
    if rank not in BATCH_NORMS or not build.weights(scale, shift):
        statistics = [build.buffer(name, build.known(name)) for name in (mean, variance)]
        args = (*statistics, build.tensor(scale), build.tensor(shift))
        epsilon = op.number("epsilon", EPSILON)
        x = build.tensor(op.inputs[0])
        build.put(op.outputs[0], build.call(functional.batch_norm, x, *args, eps=epsilon))
        return
    module = BATCH_NORMS[rank](
        len(build.known(scale)),
        eps=op.number("epsilon", EPSILON),
        momentum=1.0 - op.number("momentum", 0.9),
    )
    module.weight, module.bias = build.parameter(scale), build.parameter(shift)
    module.running_mean.copy_(torch.from_numpy(build.known(mean).astype("float32")))
    module.running_var.copy_(torch.from_numpy(build.known(variance).astype("float32")))
    fields = ("weight", "bias", "running_mean", "running_var")
    bound = [(op, place, Same(field)) for place, field in enumerate(fields, start=1)]
    build.put(op.outputs[0], build.layer(op, module, [build.tensor(op.inputs[0])], bound))


def layer_norm(build: Builder, op: Op) -> None:
    """Over the axes from `axis` to the last, which the scale spans."""
    scale, shift = op.input(1), op.input(2)
    spanned = build.source.shapes.get(scale)
    if spanned is None or _axes_from(build, op) != len(spanned):
        raise Blocked("a scale of another rank")
    epsilon = op.number("epsilon", EPSILON)
    x = build.tensor(op.inputs[0])
    if not build.weights(scale, shift):
        weight = build.tensor(scale)
        bias = build.tensor(shift) if shift else None
        node = build.call(scaled_layer_norm, x, weight, bias, epsilon)
    else:
        module = nn.LayerNorm(build.known(scale).shape, eps=epsilon, bias=bool(shift))
        module.weight = build.parameter(scale)
        bound = [(op, 1, Same("weight"))]
        if shift:
            module.bias = build.parameter(shift)
            bound.append((op, 2, Same("bias")))
        node = build.layer(op, module, [x], bound)
    build.put(op.outputs[0], node)
    for name, function in zip(op.outputs[1:], (mean_of, inverse_deviation), strict=False):
        if name:
            build.put(name, build.call(function, x, len(spanned), epsilon))


def mean_of(x: Tensor, axes: int, epsilon: float) -> Tensor:
    """Mean over so many last axes, which stay with size 1."""
    del epsilon
    return x.mean(tuple(range(-axes, 0)), keepdim=True)


def inverse_deviation(x: Tensor, axes: int, epsilon: float) -> Tensor:
    """1 / sqrt(variance + epsilon) over so many last axes, which stay with size 1."""
    variance = x.var(tuple(range(-axes, 0)), correction=0, keepdim=True)
    return torch.rsqrt(variance + epsilon)


def scaled_layer_norm(x: Tensor, scale: Tensor, shift: Tensor | None, epsilon: float) -> Tensor:
    """Layer norm over as many last axes as `scale` has."""
    return functional.layer_norm(x, scale.shape, scale, shift, epsilon)


def rms_norm(build: Builder, op: Op) -> None:
    """Y = scale x / sqrt(mean(x^2) + eps) over the last axes."""
    scale = op.inputs[1]
    spanned = build.source.shapes.get(scale)
    if spanned is None or _axes_from(build, op) != len(spanned) or not build.weights(scale):
        raise Blocked("a shared or computed scale")
    module = nn.RMSNorm(build.known(scale).shape, eps=op.number("epsilon", EPSILON))
    module.weight = build.parameter(scale)
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.layer(op, module, [x], [(op, 1, Same("weight"))]))


def instance_norm(build: Builder, op: Op) -> None:
    """Per example and channel."""
    _, scale, shift = op.inputs
    rank = build.source.rank(op.inputs[0])
    if rank not in INSTANCE_NORMS:
        raise Blocked(f"rank {rank}")
    epsilon = op.number("epsilon", EPSILON)
    x = build.tensor(op.inputs[0])
    if not build.weights(scale, shift):
        weight, bias = build.tensor(scale), build.tensor(shift)
        node = build.call(functional.instance_norm, x, weight=weight, bias=bias, eps=epsilon)
    else:
        module = INSTANCE_NORMS[rank](len(build.known(scale)), eps=epsilon, affine=True)
        module.weight, module.bias = build.parameter(scale), build.parameter(shift)
        bound = [(op, 1, Same("weight")), (op, 2, Same("bias"))]
        node = build.layer(op, module, [x], bound)
    build.put(op.outputs[0], node)


def group_norm(build: Builder, op: Op) -> None:
    """Per example and group of channels."""
    _, scale, shift = op.inputs
    groups, epsilon = op.integer("num_groups", 1), op.number("epsilon", EPSILON)
    if build.source.opset < SCALE_PER_CHANNEL_OPSET:
        raise Blocked("one scale a group")
    if not build.weights(scale, shift):
        x, weight, bias = (build.tensor(name) for name in op.inputs)
        args = (x, groups, weight, bias, epsilon)
        build.put(op.outputs[0], build.call(functional.group_norm, *args))
        return
    module = nn.GroupNorm(groups, len(build.known(scale)), eps=epsilon)
    module.weight, module.bias = build.parameter(scale), build.parameter(shift)
    bound = [(op, 1, Same("weight")), (op, 2, Same("bias"))]
    node = build.layer(op, module, [build.tensor(op.inputs[0])], bound)
    build.follow(op, "num_groups", node, "num_groups")
    build.put(op.outputs[0], node)


def standardise(build: Builder, op: Op) -> None:
    """MeanVarianceNormalization: y = (x - mean) / (deviation + 1e-9) over `axes`."""
    axes = op.integers("axes", [0, 2, 3])
    build.put(op.outputs[0], build.call(standardised, build.tensor(op.inputs[0]), axes))


def standardised(x: Tensor, axes: list[int]) -> Tensor:
    """Mean 0 and deviation 1."""
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + TINY)


def local_response(build: Builder, op: Op) -> None:
    """Y = x / (bias + alpha / size * sum of squares of `size` channels)^beta."""
    size = op.integer("size", 0)
    if size % 2 == 0:
        raise Blocked("an even size")
    alpha, beta, bias = (
        op.number(name, default)
        for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    module = nn.LocalResponseNorm(size, alpha, beta, bias)
    build.put(op.outputs[0], build.module(op, module, build.tensor(op.inputs[0])))


def lp_normalize(build: Builder, op: Op) -> None:
    """Y = x / ||x||_p along one axis."""
    x, power, axis = build.tensor(op.inputs[0]), op.integer("p", 2), op.integer("axis", -1)
    build.put(op.outputs[0], build.call(unit_length, x, power, axis))


def unit_length(x: Tensor, power: int, axis: int) -> Tensor:
    """What has no length stays 0."""
    length = torch.linalg.vector_norm(x, power, axis, keepdim=True)
    unit: Tensor = x / length.masked_fill(length == 0, 1)
    return unit


def _axes_from(build: Builder, op: Op) -> int | None:
    """How many axes there are from `axis` on."""
    axis = op.integer("axis", -1)
    rank = build.source.rank(op.inputs[0])
    if axis < 0:
        return -axis
    return None if rank is None else rank - axis


FORMS = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LRN": local_response,
    "LpNormalization": lp_normalize,
    "MeanVarianceNormalization": standardise,
}
