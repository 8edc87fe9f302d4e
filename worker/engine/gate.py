"""The fidelity gate: does a model still compute the same function?

max|dy| <= 1e-4 max|y| + 1e-5, for each output
"""

from collections.abc import Sequence

import numpy as np
import onnx

from lathe.errors import EffectLost, StepImpossible
from worker.engine.context import Arrays
from worker.engine.session import open_session, run
from worker.engine.view import TorchView

RELATIVE = 1e-4
HALF_RELATIVE = 1e-3
ABSOLUTE = 1e-5


def distance(reference: Arrays, candidate: Arrays) -> float:
    """The largest max|dy| of an output, in units of what the gate allows: at most 1 passes.

    Infinite where names or shapes differ, or where one is NaN or infinite and the other is not.
    """
    if reference.keys() != candidate.keys():
        return float("inf")
    return max((_distance(y, candidate[name]) for name, y in reference.items()), default=0.0)


def same_function(
    reference: onnx.ModelProto, candidate: onnx.ModelProto, batches: Sequence[Arrays]
) -> None:
    """Raises EffectLost unless both models agree on every one of `batches`.

    One is open at a time: two large ones would need the memory of both.
    """
    wanted = _answers(reference, batches)
    found = _answers(candidate, batches)
    far = max(distance(*pair) for pair in zip(wanted, found, strict=True))
    if not far <= 1.0:
        raise EffectLost(
            f"the changed model computes another function: its outputs are {far:.3g} times as "
            "far from the original's as rounding explains"
        )


def view_matches(view: TorchView, model: onnx.ModelProto, inputs: Arrays) -> None:
    """Raises StepImpossible unless the torch view and onnxruntime agree on `inputs`."""
    far = distance(run(open_session(model), inputs), view.outputs(inputs))
    if not far <= 1.0:
        raise StepImpossible(
            f"the model cannot be trained or pruned: in torch its outputs are {far:.3g} times "
            "as far from onnxruntime's as rounding explains"
        )


def _answers(model: onnx.ModelProto, batches: Sequence[Arrays]) -> list[Arrays]:
    session = open_session(model)
    return [run(session, inputs) for inputs in batches]


def _distance(
    y: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    other: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
) -> float:
    if y.shape != other.shape:
        return float("inf")
    a, b = y.astype(np.float64), other.astype(np.float64)
    finite = np.isfinite(a)
    same_rest = np.array_equal(a[~finite], b[~finite], equal_nan=True)
    if not same_rest or not bool(np.all(np.isfinite(b[finite]))):
        return float("inf")
    if not finite.any():
        return 0.0
    relative = HALF_RELATIVE if y.dtype == np.float16 else RELATIVE
    allowed = relative * np.abs(a[finite]).max() + ABSOLUTE
    return float(np.abs(a[finite] - b[finite]).max() / allowed)
