"""A batch that was fixed at export becomes a free axis, where the answers stay the same."""

import numpy as np
import onnx

from lathe.facts import IoSpec
from worker.engine.context import Arrays
from worker.engine.gate import distance
from worker.engine.graph.io_spec import io_spec
from worker.engine.intake.random_inputs import random_inputs
from worker.engine.intake.reshapes import free_reshapes
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.intake.trial import Trial
from worker.engine.session import open_session, run

EXAMPLES = 3
AXIS = "batch"


def literal_batch(io: IoSpec) -> int | None:
    """The fixed leading size that all inputs share; None where there is none."""
    leading = {door.shape[0] if door.shape else None for door in io.inputs}
    batch = leading.pop() if len(leading) == 1 else None
    return batch if isinstance(batch, int) and batch > 0 else None


def has_free_batch(io: IoSpec) -> bool:
    """Whether every input's leading axis is free."""
    return all(door.shape and not isinstance(door.shape[0], int) for door in io.inputs)


def free_batch(model: onnx.ModelProto, trial: Trial, batch: int) -> bool:
    """Make the leading axis symbolic, in place; False where the model then answers otherwise.

    The gate: one run on three different batches stacked equals the three runs of `model`
    on each of them, stacked. A failed model is left changed and must be thrown away.
    """
    if any(answer.shape[:1] != (batch,) for answer in trial.answers[0].values()):
        return False  # an output that does not hold one row an example
    original = onnx.ModelProto()
    original.CopyFrom(model)
    name = AXIS
    while name in _axis_names(model):
        name += "_"
    free_reshapes(model, trial, batch)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = name
    return _same_stacked(original, model, trial)


def _same_stacked(original: onnx.ModelProto, freed: onnx.ModelProto, trial: Trial) -> bool:
    sizes = trial.sizes[0]
    parts = [random_inputs(trial.io, trial.below, sizes, seed) for seed in range(EXAMPLES)]
    expected = _stacked(_answers(original, parts))
    try:
        (found,) = _answers(freed, [_stacked(parts)])
    except LOAD_ERRORS:
        return False
    return distance(expected, found) <= 1


def _answers(model: onnx.ModelProto, inputs: list[Arrays]) -> list[Arrays]:
    """One run for each of `inputs`; the session is gone afterwards, and its maps with it."""
    session = open_session(model, optimise=False)
    return [run(session, each) for each in inputs]


def _stacked(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _axis_names(model: onnx.ModelProto) -> set[str]:
    io = io_spec(model)
    return {d for door in io.inputs + io.outputs for d in door.shape if isinstance(d, str)}
