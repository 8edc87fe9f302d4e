"""Gemm, MatMul and Einsum. A constant matrix on the right makes a Linear."""

import torch
from torch import Tensor, fx, nn

from worker.engine.view.binding import Same, Transposed, WithAxes
from worker.engine.view.builder import META, Bound, Builder
from worker.engine.view.op import Op, read

MATRIX_RANK = 2


def gemm(build: Builder, op: Op) -> None:
    """Alpha * A' @ B' + beta * C; with alpha = beta = 1 and A as it is, a Linear."""
    transposed = bool(op.integer("transB", 0))
    plain = (op.number("alpha", 1.0), op.number("beta", 1.0), op.integer("transA", 0)) == (
        1,
        1,
        0,
    )
    if plain and build.weights(op.input(1), op.input(2)) and _row(build, op):
        build.put(
            op.outputs[0],
            _linear(build, op, (op, 2) if op.has(2) else None, transposed=transposed),
        )
        return
    node = build.call(
        affine,
        build.tensor(op.inputs[0]),
        build.tensor(op.inputs[1]),
        build.tensor(op.inputs[2]) if op.has(2) else None,
        alpha=op.number("alpha", 1.0),
        beta=op.number("beta", 1.0),
        turn_a=bool(op.integer("transA", 0)),
        turn_b=transposed,
    )
    build.claim(op.inputs[1])
    build.put(op.outputs[0], node)


def matmul(build: Builder, op: Op) -> None:
    """With a constant matrix on the right a Linear, an Add of a constant vector as its bias."""
    if not build.weights(op.inputs[1]) or build.source.rank(op.inputs[1]) != MATRIX_RANK:
        left, right = (build.tensor(name) for name in op.inputs)
        build.claim(op.inputs[1])
        build.claim(op.inputs[0])
        build.put(op.outputs[0], build.call(torch.matmul, left, right))
        return
    bias = _added_vector(build, op)
    node = _linear(build, op, bias, transposed=False)
    output = bias[0].outputs[0] if bias else op.outputs[0]
    build.put(output, node)
    build.absorbed.add(output)


def einsum(build: Builder, op: Op) -> None:
    """The same equation in torch."""
    operands = [build.tensor(name) for name in op.inputs]
    equation = op.text("equation", "").replace(" ", "")
    build.put(op.outputs[0], build.call(torch.einsum, equation, *operands))


def affine(
    a: Tensor,
    b: Tensor,
    c: Tensor | None,
    *,
    alpha: float,
    beta: float,
    turn_a: bool,
    turn_b: bool,
) -> Tensor:
    """ONNX Gemm."""
    product = alpha * ((a.t() if turn_a else a) @ (b.t() if turn_b else b))
    return product if c is None else product + beta * c


def _linear(
    build: Builder, op: Op, bias: tuple[Op, int] | None, *, transposed: bool
) -> fx.Node:
    """A Linear over the matrix at place 1, stored (out, in) where `transposed`."""
    weight = build.parameter(op.inputs[1], transposed=not transposed)
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=META)
    module.weight = weight
    turned = build.orientation(op.inputs[1], transposed=not transposed)
    bound: list[Bound] = [(op, 1, Transposed("weight") if turned else Same("weight"))]
    if bias is not None:
        reader, place = bias
        array = build.known(reader.inputs[place])
        module.bias = build.shaped(reader.inputs[place], array.reshape(-1))
        bound.append((reader, place, WithAxes("bias", before=array.ndim - 1)))
    return build.layer(op, module, [build.tensor(op.inputs[0])], bound)


def _row(build: Builder, op: Op) -> bool:
    """Whether Gemm's C is a vector over the outputs, maybe with an axis of size 1 before it."""
    if not op.has(2):
        return True
    weight, bias = build.known(op.inputs[1]), build.known(op.inputs[2])
    out = weight.shape[0] if op.integer("transB", 0) else weight.shape[1]
    return bias.ndim in {1, 2} and bias.shape[-1] == bias.size == out


def _added_vector(build: Builder, op: Op) -> tuple[Op, int] | None:
    """The Add that alone reads this product, and the place of its constant vector."""
    readers = build.source.readers.get(op.outputs[0], [])
    if len(readers) != 1 or readers[0].op_type != "Add":
        return None
    if op.outputs[0] in build.source.outputs:
        return None
    add = read(readers[0])
    width = build.source.shapes[op.inputs[1]][-1]
    for place, name in enumerate(add.inputs):
        alike = name != op.outputs[0] and build.weights(name)
        if alike and build.source.shapes.get(name) == (width,):
            return add, place
    return None


FORMS = {"Gemm": gemm, "MatMul": matmul, "Einsum": einsum}
