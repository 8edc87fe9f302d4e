"""The form of a Reshape that stays right when the batch or a channel count changes.

    flatten               (a, b, c, d) -> (a, b*c*d)         [0, -1]
    merge of the last     (a, b, c, d) -> (a, b, c*d)        [0, 0, -1]
    split of the last     (a, b, h*d)  -> (a, b, h, d)       [0, 0, h, -1]
    any other             an axis that varies and stays      0
                          the one other axis that varies     -1
                          an axis that never varies          its size

0 copies the size of the same input axis, -1 takes what is left (ONNX Reshape, allowzero 0).
"""

import math
from collections.abc import Sequence

Sizes = tuple[int, ...]


def reshape_form(seen: Sequence[tuple[Sizes, Sizes]]) -> Sizes | None:
    """The shape constant that gives every observed output shape from its input shape.

    `seen` holds (input shape, output shape) of runs at different sizes of the free axes.
    None where no constant does.
    """
    if len({(len(before), len(after)) for before, after in seen}) != 1:
        return None
    if any(0 in before or 0 in after for before, after in seen):
        return None
    rank_in, rank_out = (len(shape) for shape in seen[0])
    kept = rank_out - 1
    if 0 < rank_out <= rank_in and _keeps(seen, kept):
        return (0,) * kept + (-1,)
    heads = {after[-2] for _, after in seen} if rank_out > 1 else set()
    if rank_out == rank_in + 1 and len(heads) == 1 and _keeps(seen, rank_in - 1):
        return (0,) * (rank_in - 1) + (heads.pop(), -1)
    return _general(seen, rank_in, rank_out)


def freed_form(seen: Sequence[tuple[Sizes, Sizes]], batch: int) -> Sizes | None:
    """As `reshape_form` for runs at one literal batch, read as if the batch were free.

    A leading axis that is the input's is copied; one that is a multiple of the batch takes
    what is left.
    """
    form = reshape_form(seen)
    if not form or any(not before or before[0] % batch for before, _ in seen):
        return None
    if form[0] < 1:
        return form
    if all(before[0] == after[0] for before, after in seen):
        return (0, *form[1:])
    return (-1, *form[1:]) if form[0] % batch == 0 and -1 not in form else None


def _keeps(seen: Sequence[tuple[Sizes, Sizes]], axes: int) -> bool:
    """Whether the first `axes` sizes are the input's; the rest then holds what is left."""
    return all(
        before[:axes] == after[:axes] and math.prod(before) == math.prod(after)
        for before, after in seen
    )


def _general(seen: Sequence[tuple[Sizes, Sizes]], rank_in: int, rank_out: int) -> Sizes | None:
    form = []
    for axis in range(rank_out):
        sizes = {after[axis] for _, after in seen}
        copied = axis < rank_in and all(before[axis] == after[axis] for before, after in seen)
        if len(sizes) == 1:
            form.append(sizes.pop())
        else:
            form.append(0 if copied else -1)
    return tuple(form) if form.count(-1) <= 1 else None
