"""BatchNormalization put back behind convolutions into which an exporter merged it.

Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
Internal Covariate Shift", 2015, arXiv:1502.03167, algorithm 2:

    BN(y) = gamma (y - mean) / sqrt(var + eps) + beta

With mean and var of each channel of y over given examples, gamma = sqrt(var + eps) and
beta = mean it hands y on as it is, so the model answers as before; but in training it
normalises each batch as it once did. `merge_batch_norms` is the way back.

Behind a norm the length of a filter w_c tells nothing, but a step of size r moves it as one of
r / |w_c|^2 would move a filter of length 1 (van Laarhoven, "L2 Regularization versus Batch and
Weight Normalization", 2017, arXiv:1706.05350, section 2). A merged norm has left its factor in
that length, which differs from channel to channel. So w_c and b_c are divided by |w_c|, and
what is known of y with them:

    w_c / |w_c|    b_c / |w_c|    mean_c / |w_c|    var_c / |w_c|^2
    gamma_c = |w_c| sqrt(var_c / |w_c|^2 + eps)    beta_c = mean_c

Statistics of batches b of n_b examples are put together as Chan, Golub and LeVeque do
("Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979):

    mean = sum n_b m_b / n        var = sum n_b (v_b + (m_b - mean)^2) / n

    y (N, C, *spatial)    m_b, v_b, mean, var, gamma, beta (C,)
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.context import Arrays
from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.intake.opset import opset_of
from worker.engine.onnx_file.array import array
from worker.engine.optimize.names import fresh
from worker.engine.session import open_session

EPSILON = 1e-5
AXES_INPUT_OPSET = 18  # of ReduceMean
BIAS = 2  # place of a convolution's bias
Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]


def restore_batch_norms(
    model: onnx.ModelProto, batches: Sequence[Arrays], leave: Collection[str] = ()
) -> tuple[str, ...]:
    """Insert one, in place, behind each Conv with a bias whose answer is no output and is not
    normalised yet; the names of the weights before them, in graph order.

    A merged norm always leaves a bias, so a Conv without one never had a norm. `batches` are
    inputs by name, at least one; their examples should be as those to train with. Names of
    all values, weights and doors stay. A Conv that reads a tensor in `leave` has none.
    """
    bare = (node for node in model.graph.node if _bare(model, node))
    found = [node for node in bare if not set(leave).intersection(node.input)]
    if not found:
        return ()
    statistics = _statistics(model, found, batches)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        if (seen := statistics.get(node.output[0])) is not None:
            nodes.append(_norm(model, node, seen))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return tuple(node.input[1] for node in found)


def _bare(model: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    """Whether a norm may have been merged into `node`."""
    known = initializers(model)
    if node.op_type != "Conv" or len(node.input) <= BIAS or node.input[1] not in known:
        return False
    if node.output[0] in {output.name for output in model.graph.output}:
        return False
    readers = consumers(model.graph).get(node.output[0], [])
    return bool(readers) and all(n.op_type != "BatchNormalization" for n in readers)


def _norm(
    model: onnx.ModelProto, layer: onnx.NodeProto, statistics: Statistics
) -> onnx.NodeProto:
    """The norm that takes over the name of what `layer` made; its filters have length 1 then,
    but for those of zeros."""
    mean, variance = statistics
    length = _divided(initializers(model), layer)
    own = variance / np.square(length)
    values = {
        "gamma": length * np.sqrt(own + EPSILON), "beta": mean,
        "mean": mean / length, "var": own,
    }  # fmt: skip
    names = []
    for part, value in values.items():
        names.append(fresh(model.graph, f"{layer.input[1]}/{part}"))
        tensor = numpy_helper.from_array(value.astype(np.float32), names[-1])
        model.graph.initializer.append(tensor)
    made, layer.output[0] = layer.output[0], fresh(model.graph, f"{layer.output[0]}/plain")
    return helper.make_node(
        "BatchNormalization", [layer.output[0], *names], [made],
        name=f"BatchNormalization:{made}", epsilon=EPSILON,
    )  # fmt: skip


def _divided(
    known: Mapping[str, onnx.TensorProto], layer: onnx.NodeProto
) -> NDArray[np.float64]:
    """Divide filters and biases of `layer` by the lengths of the filters, (C,); these."""
    weight, bias = known[layer.input[1]], known[layer.input[BIAS]]
    filters = array(weight).astype(np.float64)
    length: NDArray[np.float64] = np.linalg.norm(filters.reshape(len(filters), -1), axis=1)
    length[length == 0] = 1
    for tensor in (weight, bias):
        value = array(tensor)
        factors = length.reshape(-1, *[1] * (value.ndim - 1))
        divided = (value.astype(np.float64) / factors).astype(value.dtype)
        tensor.CopyFrom(numpy_helper.from_array(divided, tensor.name))
    return length


def _statistics(
    model: onnx.ModelProto, layers: Sequence[onnx.NodeProto], batches: Sequence[Arrays]
) -> dict[str, Statistics]:
    """Mean and variance of each channel by the layer's output, over all examples."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = [layer.output[0] for layer in layers]
    ranks = [len(initializers(model)[layer.input[1]].dims) for layer in layers]
    doors = [door for pair in zip(names, ranks, strict=True) for door in _watch(watched, *pair)]
    session = open_session(watched)
    sizes = [len(next(iter(batch.values()))) for batch in batches]
    runs = [dict(zip(doors, session.run(doors, dict(b)), strict=True)) for b in batches]
    return {
        name: together(
            np.stack([run[means].reshape(-1) for run in runs]),
            np.stack([run[variances].reshape(-1) for run in runs]),
            np.array(sizes),
        )
        for name, means, variances in zip(names, doors[::2], doors[1::2], strict=True)
    }


def together(
    means: NDArray[np.generic], variances: NDArray[np.generic], sizes: NDArray[np.int64]
) -> Statistics:
    """Mean and variance (C,) of all examples, from those of batches (batches, C) of `sizes`."""
    shares = (sizes / sizes.sum())[:, None]
    mean = (shares * means.astype(np.float64)).sum(0)
    return mean, (shares * (variances + np.square(means - mean))).sum(0)


def _watch(model: onnx.ModelProto, name: str, rank: int) -> tuple[str, str]:
    """Two more outputs: the batch's mean and variance a channel of the value `name`."""
    axes = [axis for axis in range(rank) if axis != 1]
    parts = {k: f"lathe_{k}_of_{name}" for k in ("axes", "mean", "centred", "square", "var")}
    inputs: list[str] = []
    attributes: dict[str, Any] = {"axes": axes}
    if opset_of(model) >= AXES_INPUT_OPSET:
        tensor = numpy_helper.from_array(np.array(axes), parts["axes"])
        model.graph.initializer.append(tensor)
        inputs, attributes = [parts["axes"]], {}
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", [name, *inputs], [parts["mean"]], **attributes),
            helper.make_node("Sub", [name, parts["mean"]], [parts["centred"]]),
            helper.make_node("Mul", [parts["centred"]] * 2, [parts["square"]]),
            helper.make_node(
                "ReduceMean", [parts["square"], *inputs], [parts["var"]], **attributes
            ),
        ]
    )
    doors = parts["mean"], parts["var"]
    model.graph.output.extend(onnx.ValueInfoProto(name=door) for door in doors)
    return doors
