"""Float tensors that are whole multiples of steps, found exactly or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.checkpoint import Multiples

MOST_CODE = 1 << 15
_SMALL_CODE = 31
_STEPS_TRIED = 6
_FEW_VALUES = 1 << 16
Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class OnGrid:
    """`codes` times `steps` in float32, cast to the tensor's type, is the tensor bit for bit;
    one step, or one for each index of `axis`."""

    codes: NDArray[np.int32]
    steps: NDArray[np.float32]
    axis: int | None


def find_grids(values: Floats, hint: Multiples | None) -> Iterator[OnGrid]:
    """Grids that `values` lie on: the hinted one alone; else the first of one step and, unless
    its codes are small, those along the first and the last axis."""
    if hint is not None and hint.fit(values.shape):
        found = _on(values, np.array(hint.steps, np.float32), hint.axis)
        if found is not None:
            yield found
            return
    with np.errstate(all="ignore"):
        magnitudes = np.abs(values.astype(np.float32))
    if not np.isfinite(magnitudes).all():
        return
    for step in _likely_steps(magnitudes):
        found = _on(values, np.array([step], np.float32), None)
        if found is not None:
            yield found
            if np.abs(found.codes).max() <= _SMALL_CODE:
                return
            break
    for axis in sorted({0, values.ndim - 1}) if values.ndim > 1 else ():
        found = _on(values, _steps_along(magnitudes, axis), axis)
        if found is not None:
            yield found


def _on(values: Floats, steps: NDArray[np.float32], axis: int | None) -> OnGrid | None:
    """The codes on this grid, if it gives back every bit."""
    shape = [1] * values.ndim
    if axis is not None:
        shape[axis] = len(steps)
    reaching = steps.reshape(shape)
    with np.errstate(all="ignore"):
        codes = np.rint(values.astype(np.float32) / reaching)
        if not np.all(np.abs(codes) <= MOST_CODE):
            return None
        back = (codes.astype(np.int32).astype(np.float32) * reaching).astype(values.dtype)
    unsigned = np.dtype(f"<u{values.dtype.itemsize}")
    if not np.array_equal(back.view(unsigned), values.view(unsigned)):
        return None
    return OnGrid(codes.astype(np.int32), steps, axis)


def _likely_steps(magnitudes: NDArray[np.float32]) -> list[np.float32]:
    """What may be the step of a tensor of few values: its smallest one, the smallest gap."""
    sample = magnitudes.ravel()[:: max(1, magnitudes.size // _FEW_VALUES)]
    if len(np.unique(sample)) > MOST_CODE // 2:
        return []
    smallest = magnitudes[magnitudes > 0].min(initial=np.float32(np.inf))
    distinct = np.unique(sample[sample > 0])
    gaps = np.diff(distinct)
    likely = [smallest, *([gaps.min()] if gaps.size else ()), smallest / 2, smallest / 3]
    return [
        np.float32(step) for step in likely[:_STEPS_TRIED] if np.isfinite(step) and step > 0
    ]


def _steps_along(magnitudes: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The smallest magnitude above zero at each index of `axis`; one where there is none."""
    others = tuple(a for a in range(magnitudes.ndim) if a != axis)
    above = np.where(magnitudes > 0, magnitudes, np.float32(np.inf))
    smallest = above.min(axis=others)
    usual = smallest[np.isfinite(smallest)]
    steps: NDArray[np.float32] = np.where(
        np.isfinite(smallest), smallest, usual.max(initial=np.float32(1e-30))
    )
    return steps
