"""Where a graph has hidden units: its LSTM, GRU and RNN layers."""

from collections.abc import Collection

import numpy as np
import onnx

from worker.engine.prune.along.coupled import Coupled, NotCuttable
from worker.engine.prune.along.net import Net
from worker.engine.prune.along.recurrent import GATES, R, W, hidden
from worker.engine.prune.along.search import Found, search
from worker.engine.prune.along.walk import spread


def hidden_units(model: onnx.ModelProto, protect: Collection[str]) -> Found:
    """The units of every recurrent layer of `model`, one group a layer, named by its W.

    Layers that add up their states are one group. Raises UnknownLayer for a protected layer
    that the model does not have.
    """
    return search(model, GATES.keys(), _units, protect)


def _units(node: onnx.NodeProto, net: Net) -> Coupled:
    if node.input[R] not in net.constants:
        raise NotCuttable("its weights are computed")
    units = net.constants[node.input[R]].dims[-1]
    if units == 1:
        raise NotCuttable("it has one unit")
    return spread(node.input[W], units, hidden(node, np.arange(units), net), net)
