"""What a downloaded file has to stand before its cell counts: checked apart from the service.

- onnxruntime loads it, with the names, types and axes of the upload's inputs and outputs;
- its answers are finite at a batch of 1 and of 3;
- the score that the report tells is the one that onnxruntime gives on the test split;
- a technique that keeps the function answers as the upload does, max|dy| <= 1e-4 max|y| + 1e-5;
- the packed file unpacks to it, bit for bit.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.matrix.networks.network import Arrays
from benchmarks.matrix.subject import Subject
from lathe.packed.unpack import unpack
from worker.engine.gate import distance

KEEPS_THE_FUNCTION = ("optimize.graph", "encode.entropy")
BATCHES = (1, 3)
SCORE_TOLERANCE = 0.01  # ranges that are taken at run time depend on how examples are batched


def objections(
    technique: str, of: Subject, model: Path, packed: Path | None, score: float
) -> Iterator[str]:
    """Each reason why the file does not pass; none when it does."""
    before, after = _open(of.model), _open(model)
    if _doors(before) != _doors(after):
        yield f"its doors are {_doors(after)}, the upload's {_doors(before)}"
        return
    arrays = of.test()
    for batch in BATCHES:
        said = _run(after, of, {name: array[:batch] for name, array in arrays.items()})
        if not all(np.isfinite(y).all() for y in said.values()):
            yield f"an answer is NaN or infinite at batch {batch}"
    said = _run(after, of, arrays)
    again = score_of(of, said, arrays)
    if abs(again - score) > SCORE_TOLERANCE * max(1.0, abs(score)):
        yield f"onnxruntime gives the score {again:.4f}, the report tells {score:.4f}"
    if technique in KEEPS_THE_FUNCTION:
        far = distance(_run(before, of, arrays), said)
        if not far <= 1:
            yield f"its answers are {far:.3g} times as far off as rounding explains"
    if packed is not None:
        unpacked = packed.with_suffix(".again")
        unpack(packed, unpacked)
        if unpacked.read_bytes() != model.read_bytes():
            yield "the packed file unpacks to another one"


def score_of(of: Subject, said: Arrays, arrays: Arrays) -> float:
    """Accuracy where labels are class numbers, the classes on axis 1; else the mean squared
    error."""
    output = of.network.judged
    label, y = of.network.label(arrays, output), said[output]
    if np.issubdtype(label.dtype, np.integer):
        return float((y.argmax(axis=1) == label).mean())
    return float(((y.astype(np.float64) - label) ** 2).mean())


def _open(model: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def _doors(session: onnxruntime.InferenceSession) -> list[tuple[str, str, list[int | str]]]:
    ends = (*session.get_inputs(), *session.get_outputs())
    return [(end.name, end.type, end.shape) for end in ends]


def _run(
    session: onnxruntime.InferenceSession, of: Subject, arrays: Arrays
) -> dict[str, np.ndarray]:
    names = of.network.outputs
    fed = {name: arrays[name] for name in of.network.inputs}
    return dict(zip(names, session.run(list(names), fed), strict=True))
