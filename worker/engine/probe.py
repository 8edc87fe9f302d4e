"""Inputs that a model accepts, made up where there are no data."""

import numpy as np
import onnx

from lathe.facts import Dim, TensorSpec
from worker.engine.context import Arrays
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.uses import consumers

PASSED_ON = {
    "Cast",
    "Identity",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
    "Slice",
    "Flatten",
    "Transpose",
}
IMAGE_RANK = 4
IMAGE_SIDE = 64
SEQUENCE_LENGTH = 8


def random_inputs(model: onnx.ModelProto, batch: int, seed: int) -> Arrays:
    """Every input of `model` by name, `batch` examples where the first axis is symbolic.

    Floats are normal; integers that choose rows of a table lie within it; other integers and
    booleans are 0 or 1, the first of each row 1, as a mask wants it. Symbolic axes of one name
    get one size. The same seed gives the same inputs.
    """
    draw = np.random.default_rng(seed)
    specs = io_spec(model).inputs
    sizes: dict[str, int] = {}
    for spec in specs:
        if spec.shape and isinstance(spec.shape[0], str):
            sizes[spec.shape[0]] = batch
    return {spec.name: _array(model, spec, batch, sizes, draw) for spec in specs}


def _array(
    model: onnx.ModelProto,
    spec: TensorSpec,
    batch: int,
    sizes: dict[str, int],
    draw: np.random.Generator,
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    side = IMAGE_SIDE if len(spec.shape) >= IMAGE_RANK else SEQUENCE_LENGTH
    shape = tuple(
        _size(dim, batch if axis == 0 else side, sizes) for axis, dim in enumerate(spec.shape)
    )
    if spec.dtype in {"float16", "float32", "float64"}:
        return draw.standard_normal(shape).astype(spec.dtype)
    rows = None if spec.dtype == "bool" else table_rows(model, spec.name)
    if rows is not None:
        return draw.integers(0, rows, shape).astype(spec.dtype)
    mask = draw.integers(0, 2, shape)
    if mask.ndim:
        mask[..., :1] = 1
    return mask.astype(spec.dtype)


def _size(dim: Dim, default: int, sizes: dict[str, int]) -> int:
    match dim:
        case int():
            return dim
        case str():
            return sizes.setdefault(dim, default)
        case None:
            return default


def table_rows(model: onnx.ModelProto, name: str) -> int | None:
    """How many rows the smallest table has that the values of `name` choose rows of; None
    where they choose none."""
    tables = {tensor.name: tensor for tensor in model.graph.initializer}
    readers = consumers(model.graph)
    waiting, rows = [name], list[int]()
    while waiting:
        value = waiting.pop()
        for node in readers.get(value, []):
            if node.op_type in PASSED_ON and node.input[0] == value:
                waiting.extend(node.output)
            elif (
                node.op_type == "Gather" and node.input[1] == value and node.input[0] in tables
            ):
                axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
                rows.append(tables[node.input[0]].dims[axis])
    return min(rows, default=None)
