"""A model's outputs over a whole split, batch by batch, whatever batch size it insists on."""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from lathe.errors import DataMismatch
from worker.engine.context import Arrays, Samples
from worker.engine.session import open_session, run

Rows = NDArray[np.int64]
BATCH = 64


def answers(
    session: ort.InferenceSession, samples: Samples, *, batch_size: int
) -> Iterator[tuple[Rows, Arrays]]:
    """Row numbers and every output for them, each (len(rows), ...), in stored order.

    A model with a fixed batch axis is run at that size: the last batch is filled up with
    its own last row, and what came of the filling is cut off. Raises DataMismatch where an
    output's first axis is not the batch.
    """
    fixed = fixed_batch(session)
    for rows, inputs in batches(samples, fixed or batch_size):
        size = fixed or len(rows)
        said = run(session, inputs if fixed is None else filled(inputs, fixed))
        for name, answer in said.items():
            if answer.ndim == 0 or answer.shape[0] != size:
                raise DataMismatch(
                    f"output {name!r} has the shape {answer.shape} for {size} examples; "
                    "its first axis must be the examples"
                )
        yield rows, {name: answer[: len(rows)] for name, answer in said.items()}


def all_answers(
    model: onnx.ModelProto, samples: Samples, output: str, threads: int
) -> NDArray[np.float64]:
    """One output for every example, (n, ...), in stored order. Raises DataMismatch as
    `answers` does."""
    session = open_session(model, threads=threads)
    said = [answer[output] for _, answer in answers(session, samples, batch_size=BATCH)]
    return np.concatenate(said).astype(np.float64)


def batches(samples: Samples, batch_size: int) -> Iterator[tuple[Rows, Arrays]]:
    """Row numbers and model inputs, in stored order; the last batch may be smaller."""
    for start in range(0, samples.count, batch_size):
        rows = np.arange(start, min(start + batch_size, samples.count), dtype=np.int64)
        yield rows, samples.inputs(rows)


def fixed_batch(session: ort.InferenceSession) -> int | None:
    """The size of the first input's first axis where it is fixed."""
    shape = session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def filled(inputs: Arrays, size: int) -> Arrays:
    """Inputs for exactly `size` examples: the last one is repeated where some are missing."""
    return {
        name: np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
        if len(array) < size
        else array
        for name, array in inputs.items()
    }
