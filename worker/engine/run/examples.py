"""A batch of real examples that fits a model, or made-up inputs where there are none."""

import numpy as np
import onnx

from worker.engine.context import Arrays, Samples
from worker.engine.graph.io_spec import io_spec
from worker.engine.measure.answers import filled
from worker.engine.probe import random_inputs


def fixed_batch_of(model: onnx.ModelProto) -> int | None:
    """The batch size that the first input fixes, if it does."""
    shape = io_spec(model).inputs[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def example_inputs(
    model: onnx.ModelProto, samples: Samples | None, batch_size: int, *, seed: int
) -> Arrays:
    """Inputs for `batch_size` examples, or for as many as the model fixes.

    Real examples come in stored order, the last one repeated where there are too few.
    """
    size = fixed_batch_of(model) or batch_size
    if samples is None or samples.count == 0:
        return random_inputs(model, size, seed)
    rows = np.arange(min(size, samples.count), dtype=np.int64)
    return filled(samples.inputs(rows), size)
