"""Inputs that a model can be tried on where there is no data: sizes, ranges, seeded numbers."""

import math
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.facts import IoSpec, TensorSpec
from worker.engine.context import Arrays
from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers

MAX_ELEMENTS = 1 << 26
PASSES_INDICES_ON = {
    "Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Flatten", "Slice", "Transpose",
    "Clip", "Expand",
}  # fmt: skip
BYTE_VALUES = 256
MASK_VALUES = 2


@dataclass(frozen=True, slots=True)
class Sizes:
    """What symbolic axes are set to: the leading ones, and all others."""

    batch: int
    other: int


class Unfillable(ValueError):  # noqa: N818 - a finding about a model, not an error of ours
    """No random values can be made for an input; the message says why."""


def random_inputs(io: IoSpec, below: dict[str, int], sizes: Sizes, seed: int) -> Arrays:
    """Seeded values for every input: floats normal, integers in [0, below[name]).

    An integer input without a bound is taken as a mask of zeros and ones that begins with
    one (bytes: any value). Raises Unfillable for text and for inputs of over 2^26 elements.
    """
    rng = np.random.default_rng(seed)
    return {door.name: _fill(door, below.get(door.name), sizes, rng) for door in io.inputs}


def index_bounds(model: onnx.ModelProto) -> dict[str, int]:
    """For every input that indexes a constant table: the rows of its smallest table."""
    tables, readers = initializers(model), consumers(model.graph)
    bounds: dict[str, int] = {}
    for value in model.graph.input:
        waiting, seen = [value.name], set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for node in readers.get(name, ()):
                rows = _rows(node, name, tables)
                if rows is not None:
                    bounds[value.name] = min(rows, bounds.get(value.name, rows))
                elif node.op_type in PASSES_INDICES_ON and node.input[0] == name:
                    waiting.extend(node.output)
    return bounds


def _rows(node: onnx.NodeProto, name: str, tables: dict[str, onnx.TensorProto]) -> int | None:
    if node.op_type != "Gather" or node.input[1] != name or node.input[0] not in tables:
        return None
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return int(tables[node.input[0]].dims[axis])


def _fill(
    door: TensorSpec, below: int | None, sizes: Sizes, rng: np.random.Generator
) -> NDArray[np.generic]:
    shape = tuple(
        dim if isinstance(dim, int) else sizes.other if axis else sizes.batch
        for axis, dim in enumerate(door.shape)
    )
    if math.prod(shape) > MAX_ELEMENTS:
        raise Unfillable(f"the input {door.name!r} has {math.prod(shape)} elements")
    if door.dtype in {"string", "bfloat16"}:
        raise Unfillable(f"the input {door.name!r} is {door.dtype}")
    dtype = np.dtype(door.dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if below is None:
        below = BYTE_VALUES if dtype == np.uint8 else MASK_VALUES
    values = rng.integers(0, below, shape)
    if below == MASK_VALUES and shape:
        values[..., 0] = 1  # a mask that hides everything makes NaN
    return values.astype(dtype)
