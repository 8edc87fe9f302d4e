"""How hidden units lie along the tensors of LSTM, GRU and RNN.

With H hidden units, g gates (LSTM 4, GRU 3, RNN 1), d directions, I inputs; H is the last axis
of every value, and unit h of both directions goes together, because one attribute
(hidden_size) holds for both:

    X (T, B, I)       W (d, gH, I)      R (d, gH, H)      bias (d, 2gH)    P (d, 3H)
    Y (T, d, B, H)    Y_h, Y_c, initial_h, initial_c (d, B, H)
"""

from collections.abc import Iterator

import numpy as np
import onnx

from worker.engine.prune.along.coupled import Along, NotCuttable, Units
from worker.engine.prune.along.net import Net

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
X, W, R, BIAS, INITIAL_H, INITIAL_C, PEEPHOLES = 0, 1, 2, 3, 5, 6, 7
GATE_AXIS, INPUT_AXIS = 1, 2
OF_THE_STATE = (INITIAL_H, INITIAL_C)


def recurrent(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Units among the inputs go with columns of W, hidden units with all that is theirs."""
    width = len(net.shape(node.input[X])) - 1
    if along.place in {(node.input[X], width), (node.input[W], INPUT_AXIS)}:
        yield Along(node.input[X], width, along.unit)
        if node.input[W] not in net.constants:
            raise NotCuttable(f"the weights of the {node.op_type} are computed")
        yield Along(node.input[W], INPUT_AXIS, along.unit, heard=True)
        return
    yield from hidden(node, _units(node, along, net), net)


def hidden(node: onnx.NodeProto, unit: Units, net: Net) -> Iterator[Along]:
    """Everything that the hidden units `unit` (H,) of `node` lie along."""
    gates = GATES[node.op_type]
    if node.input[W] not in net.constants or node.input[R] not in net.constants:
        raise NotCuttable(f"the weights of the {node.op_type} are computed")
    yield Along(node.input[W], GATE_AXIS, np.tile(unit, gates))
    yield Along(node.input[R], GATE_AXIS, np.tile(unit, gates))
    yield Along(node.input[R], INPUT_AXIS, unit, heard=True)
    for place, times in ((BIAS, 2 * gates), (PEEPHOLES, 3)):
        if name := _input(node, place):
            yield Along(name, 1, np.tile(unit, times))
    states = [*node.output, *(_input(node, place) for place in OF_THE_STATE)]
    for name in filter(None, states):
        yield Along(name, len(net.shape(name)) - 1, unit)


def _units(node: onnx.NodeProto, along: Along, net: Net) -> Units:
    """The hidden units (H,) that lie along one of the tensors."""
    names = {node.input[R]: {GATE_AXIS, INPUT_AXIS}, node.input[W]: {GATE_AXIS}}
    names |= {_input(node, place): {1} for place in (BIAS, PEEPHOLES)}
    for name in (*node.output, *(_input(node, place) for place in OF_THE_STATE)):
        names[name] = {len(net.shape(name)) - 1} if name else set()
    if along.axis not in names.get(along.value, set()):
        raise NotCuttable(f"{node.op_type} goes through them step by step")
    hidden_size = net.constants[node.input[R]].dims[INPUT_AXIS]
    rows: Units = along.unit.reshape(-1, hidden_size)
    if (rows != rows[0]).any():
        raise NotCuttable(f"the gates of the {node.op_type} are cut unevenly")
    return np.asarray(rows[0], np.int64)


def _input(node: onnx.NodeProto, place: int) -> str:
    return node.input[place] if place < len(node.input) else ""
