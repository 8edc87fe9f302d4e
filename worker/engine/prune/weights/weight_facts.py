"""What pruning of weights says about itself, counted on the ONNX graph."""

from collections.abc import Sequence

import numpy as np

from worker.engine.graph.weight_tensors import WeightTensor
from worker.engine.onnx_file.rewrite import flat_parts
from worker.engine.outcome import FactValue

NAMED = 24  # layers that the facts name one by one


def weight_facts(weights: Sequence[WeightTensor]) -> dict[str, FactValue]:
    """Weights and zeros in total, and the share of zeros of each layer, the first NAMED by
    name. An LSTM's two weights are one layer."""
    held: dict[str, list[int]] = {}
    for weight in weights:
        zeros = size = 0
        for part in flat_parts(weight.tensor):
            zeros, size = zeros + part.size - int(np.count_nonzero(part)), size + part.size
        found = held.setdefault(weight.layer, [0, 0])
        found[0], found[1] = found[0] + zeros, found[1] + size
    total_zeros, total = (sum(found[k] for found in held.values()) for k in (0, 1))
    named = [f"{layer} {zeros / size:.4f}" for layer, (zeros, size) in held.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return {
        "weights": total,
        "zeros": total_zeros,
        "sparsity": total_zeros / total,
        "sparsity_by_layer": ", ".join(named[:NAMED]) + more,
    }
