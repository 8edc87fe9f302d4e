"""The check that a tensor's values are what its trait says, and still tell apart what they did.

Large tensors are read block by block: no more of one is in memory than a block and a table
of its distinct values.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import EffectLost
from worker.engine.checkpoint import Multiples, Trait
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks

Values = NDArray[np.float32]
MOST_CODE = 1 << 22  # from here on float32(q) * step / step may round to a neighbour of q


def check_true(layer: str, trait: Trait, tensor: onnx.TensorProto) -> None:
    """Raise EffectLost where the tensor itself has more distinct values than its codebook, or
    a value that is no multiple of its step."""
    if trait.codebook is not None:
        found = np.count_nonzero(distinct(tensor, at_most=trait.codebook + 1))
        if found > trait.codebook:
            raise EffectLost(
                f"{layer!r} has a codebook of {trait.codebook} values, but holds {found} or "
                "more"
            )
    if trait.multiples is not None and not _on_steps(tensor, trait.multiples):
        raise EffectLost(f"a value of {layer!r} is no multiple of its step, or beyond the most")


def check_same(
    layer: str, trait: Trait, before: onnx.TensorProto, after: onnx.TensorProto
) -> None:
    """Raise EffectLost where a zero of `before` came back, or equal values became different.

    A tensor that another step cut to another shape may have no more nonzeros than before.
    """
    if list(before.dims) != list(after.dims):
        if trait.sparse and _nonzeros(after) > _nonzeros(before):
            raise EffectLost(f"weights of {layer!r} that were zero came back")
        return
    if trait.sparse and any(np.any(new[old == 0]) for old, new in _both(before, after)):
        raise EffectLost(f"weights of {layer!r} that were zero came back")
    if trait.codebook is not None and not _same_ties(before, after):
        raise EffectLost(f"weights of {layer!r} that shared a value no longer do")


def distinct(tensor: onnx.TensorProto, at_most: int) -> Values:
    """The different values of a tensor, zero among them, sorted; the search ends with the
    block that brings more than `at_most` nonzero ones."""
    table: Values = np.empty(0, np.float32)
    for part in _parts(tensor):
        new = part if not len(table) else part[~_known(table, part)]
        if len(new):
            table = np.union1d(table, new)
        if np.count_nonzero(table) > at_most:
            break
    return table


def _known(table: Values, part: Values) -> NDArray[np.bool_]:
    place = np.searchsorted(table, part).clip(max=len(table) - 1)
    known: NDArray[np.bool_] = table[place] == part
    return known


def _same_ties(before: onnx.TensorProto, after: onnx.TensorProto) -> bool:
    """Whether all that was equal is still equal."""
    table = distinct(before, at_most=int(np.prod(before.dims)))
    became: Values = np.full(len(table), np.nan, np.float32)
    for old, new in _both(before, after):
        code = np.searchsorted(table, old)
        fresh = np.isnan(became[code])
        became[code[fresh]] = new[fresh]
        if not np.array_equal(became[code], new):
            return False
    return True


def _on_steps(tensor: onnx.TensorProto, multiples: Multiples) -> bool:
    values = array(tensor)
    if multiples.most >= MOST_CODE or not multiples.fit(values.shape):
        return False
    steps = multiples.along(values.ndim)
    if not values.ndim:
        values, steps = values.reshape(1), steps.reshape(1)
    for rows in blocks(values):
        part = values[rows].astype(np.float32)
        mine = steps[rows] if len(steps) > 1 else steps
        codes = np.rint(part / mine)
        if np.abs(codes).max(initial=0) > multiples.most or np.any(codes * mine != part):
            return False
    return True


def _nonzeros(tensor: onnx.TensorProto) -> int:
    return sum(int(np.count_nonzero(part)) for part in _parts(tensor))


def _both(before: onnx.TensorProto, after: onnx.TensorProto) -> Iterator[tuple[Values, Values]]:
    yield from zip(_parts(before), _parts(after), strict=True)


def _parts(tensor: onnx.TensorProto) -> Iterator[Values]:
    """The values in order, flat, a block at a time; their count alone decides the blocks."""
    flat = array(tensor).reshape(-1)
    for rows in blocks(np.broadcast_to(np.float32(0), flat.shape)):
        yield flat[rows].astype(np.float32)
