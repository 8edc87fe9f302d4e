"""Signal to quantization noise of inner values, both graphs fed the same examples.

SQNR = 10 log10(sum x^2 / sum (x - x')^2) over all elements and examples of one value.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.context import Arrays, Samples
from worker.engine.measure.answers import batches, filled, fixed_batch
from worker.engine.measure.metrics import sqnr_db
from worker.engine.onnx_file.array import array
from worker.engine.run.counterpart import Counterpart
from worker.engine.run.stored import Stored
from worker.engine.session import open_session, run

BATCH = 8
MOST_EXAMPLES = 64


def layer_sqnr(
    original: onnx.ModelProto,
    compressed: onnx.ModelProto,
    pairs: Mapping[str, Counterpart],
    samples: Samples,
    *,
    threads: int,
) -> dict[str, float]:
    """SQNR in dB by the keys of `pairs`, over at most 64 examples. Left out are values whose
    shapes differ (pruned channels) and values that are not finite."""
    before = open_session(_showing(original, (p.original for p in pairs.values())))
    after = open_session(
        _showing(compressed, (p.compressed for p in pairs.values())), threads=threads
    )
    constants = Stored(compressed).tensors
    sums: dict[str, tuple[float, float]] = dict.fromkeys(pairs, (0.0, 0.0))
    for rows, inputs in batches(samples, fixed_batch(before) or BATCH):
        size = fixed_batch(before)
        fed = inputs if size is None else filled(inputs, size)
        old, new = run(before, fed), run(after, fed)
        for layer in list(sums):
            found = _noise(pairs[layer], old, new, constants)
            if found is None:
                del sums[layer]
            else:
                sums[layer] = (sums[layer][0] + found[0], sums[layer][1] + found[1])
        if rows[-1] + 1 >= MOST_EXAMPLES:
            break
    return {layer: sqnr_db(signal, noise) for layer, (signal, noise) in sums.items()}


def _noise(
    pair: Counterpart, old: Arrays, new: Arrays, constants: Mapping[str, onnx.TensorProto]
) -> tuple[float, float] | None:
    before = old[pair.original].astype(np.float64)
    after = _float(pair, new[pair.compressed], constants)
    if before.shape != after.shape:
        return None
    signal, noise = float(np.square(before).sum()), float(np.square(before - after).sum())
    return (signal, noise) if np.isfinite(signal) and np.isfinite(noise) else None


def _float(
    pair: Counterpart, values: NDArray[np.generic], constants: Mapping[str, onnx.TensorProto]
) -> NDArray[np.float64]:
    if pair.scale is None or pair.zero_point is None:
        return values.astype(np.float64)
    scale = array(constants[pair.scale]).astype(np.float64)
    zero_point = array(constants[pair.zero_point]).astype(np.float64)
    return np.asarray((values.astype(np.float64) - zero_point) * scale)


def _showing(model: onnx.ModelProto, values: Iterable[str]) -> onnx.ModelProto:
    """A copy whose outputs are also these inner values."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {output.name for output in copy.graph.output}
    copy.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(values) if name not in there
    )
    return copy
