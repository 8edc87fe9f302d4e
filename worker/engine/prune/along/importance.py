"""How much each unit matters by the weights that are its own.

    l2 = sqrt(sum w^2)

over all weights, no biases, that belong to the unit, in rows and in columns, so that one in
both counts twice. For an LSTM these are the groups of Wen, He, Rajbhandari, Zhang, Wang, Liu,
Hu, Chen and Li, "Learning Intrinsic Sparse Structures within Long Short-Term Memory",
arXiv:1709.05027, section 3.
"""

from collections.abc import Sequence

import numpy as np
import onnx

from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.onnx_file.array import array
from worker.engine.prune.along.coupled import Coupled
from worker.engine.prune.coupling import ELSEWHERE
from worker.engine.prune.importance import Scores


def magnitude(model: onnx.ModelProto, groups: Sequence[Coupled]) -> Scores:
    """One array (units,) a group."""
    tensors = {t.name: t.tensor for t in weight_tensors(model, (), embeddings=True)}
    scores = []
    for group in groups:
        squares = np.zeros(group.units)
        for along in group.weights:
            if along.value not in tensors:
                continue
            weight = np.moveaxis(array(tensors[along.value]), along.axis, 0)
            here = along.unit != ELSEWHERE
            sums = np.square(weight[here].reshape(here.sum(), -1), dtype=np.float64).sum(axis=1)
            squares += np.bincount(along.unit[here], sums, minlength=group.units)
        scores.append(np.sqrt(squares))
    return scores
