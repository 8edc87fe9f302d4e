"""The fidelity gate: whether two models answer alike where they claim to be one function.

max|y - y'| <= 1e-4 * max|y| + 1e-5, for every output
"""

import numpy as np

from worker.engine.context import Arrays

RELATIVE = 1e-4
ABSOLUTE = 1e-5


def faithful(reference: Arrays, candidate: Arrays) -> bool:
    """Whether every output of `candidate` passes the gate against the one of that name.

    Shapes must be equal; NaN and infinities must stand in the same places.
    """
    if reference.keys() != candidate.keys():
        return False
    return all(_close(reference[name], candidate[name]) for name in reference)


def _close(reference: np.ndarray, candidate: np.ndarray) -> bool:
    if reference.shape != candidate.shape:
        return False
    if reference.dtype.kind in "OSU":
        return bool(np.array_equal(reference, candidate))
    expected, found = reference.astype(np.float64), candidate.astype(np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], found[~finite], equal_nan=True):
        return False
    expected, found = expected[finite], found[finite]
    if not expected.size:
        return True
    allowed = RELATIVE * np.abs(expected).max() + ABSOLUTE
    return bool(np.abs(expected - found).max() <= allowed)  # NaN on one side compares false
