"""Branches always taken become their nodes, loops of a known length are unrolled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.operators import every_node, subgraphs
from worker.engine.onnx_file.array import array

UNROLLED_NODES = 4096  # a longer loop stays a loop


def flatten_control_flow(model: onnx.ModelProto) -> bool:
    """Rewrite such If and Loop nodes of the main graph, in place; whether there were any.

    Names of values and of constants stay where a body is written out once; further copies
    get names of their own. What the bodies hold may be flattened by the next call.
    """
    flattener = _Flattener(model)
    nodes = [new for node in model.graph.node for new in flattener.nodes(node)]
    if flattener.changed:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(flattener.constants)
    return flattener.changed


@dataclass(slots=True)
class _Flattener:
    model: onnx.ModelProto
    constants: list[onnx.TensorProto] = field(default_factory=list)
    changed: bool = False
    known: dict[str, onnx.TensorProto] = field(init=False)
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.known = initializers(self.model)
        self.taken = set(self.known) | {value.name for value in graph.input}
        self.taken |= {name for node in graph.node for name in node.output}

    def nodes(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """What takes the place of `node`: itself where it is no such node."""
        found = None
        if node.domain in {"", "ai.onnx"} and node.op_type == "If":
            found = self.branch(node)
        elif node.domain in {"", "ai.onnx"} and node.op_type == "Loop":
            found = self.loop(node)
        self.changed |= found is not None
        return [node] if found is None else found

    def branch(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """The nodes of the branch that is always taken."""
        if node.input[0] not in self.known:
            return None
        taken = "then_branch" if self.number(node.input[0]) else "else_branch"
        body = helper.get_node_attr_value(node, taken)
        return self.copy(body, [], list(node.output))

    def loop(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """Every turn's nodes, one after the other."""
        body = helper.get_node_attr_value(node, "body")
        length, goes_on, *states = [*node.input, "", ""][: max(len(node.input), 2)]
        if length not in self.known or (goes_on and goes_on not in self.known):
            return None
        turns = int(self.number(length)) if not goes_on or self.number(goes_on) else 0
        inner = sum(1 for _ in every_node(body))
        if not 0 < turns * inner <= UNROLLED_NODES or not self.always(body):
            return None
        nodes: list[onnx.NodeProto] = []
        kept, scanned = len(states), list[list[str]]()
        for turn in range(turns):
            last = turn == turns - 1
            index = self.constant(np.array(turn, np.int64), f"{node.output[0]}/turn")
            true = self.constant(np.array(1, bool), f"{node.output[0]}/on")
            made = [self.free(value.name) for value in body.output[1:]]
            if last:
                made[:kept] = [name or made[k] for k, name in enumerate(node.output[:kept])]
            unread = self.free(body.output[0].name)
            nodes += self.copy(body, [index, true, *states], [unread, *made])
            states = made[:kept]
            scanned.append(made[kept:])
        for name, parts in zip(node.output[kept:], zip(*scanned, strict=True), strict=False):
            nodes += self.stacked(name, parts)
        return nodes

    def always(self, body: onnx.GraphProto) -> bool:
        """Whether the body asks for the next turn whatever it computes."""
        name = body.output[0].name
        makers = {made: node for node in body.node for made in node.output}
        while name in makers and makers[name].op_type == "Identity":
            name = makers[name].input[0]
        if name == body.input[1].name:
            return True
        inside = {tensor.name: tensor for tensor in body.initializer}
        inside |= {
            node.output[0]: node.attribute[0].t
            for node in body.node
            if node.op_type == "Constant" and node.attribute[0].name == "value"
        }
        tensor = inside.get(name, self.known.get(name))
        return tensor is not None and bool(array(tensor).reshape(-1)[0])

    def copy(
        self, body: onnx.GraphProto, given: list[str], wanted: list[str]
    ) -> list[onnx.NodeProto]:
        """The nodes of `body` that read `given` as its inputs and make `wanted`."""
        names = dict(zip((value.name for value in body.input), given, strict=True))
        targets, handed_on = dict[str, str](), list[tuple[str, str]]()
        made = {name for node in body.node for name in node.output if name}
        for value, target in zip(body.output, wanted, strict=True):
            if value.name in made and value.name not in targets:
                targets[value.name] = target
            else:
                handed_on.append((value.name, target))
        for name in sorted(made - targets.keys()):
            targets[name] = self.free(name)
        for tensor in body.initializer:
            targets[tensor.name] = self.free(tensor.name)
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = targets[tensor.name]
            self.constants.append(copy)
        names |= targets
        nodes = [onnx.NodeProto() for _ in body.node]
        for node, original in zip(nodes, body.node, strict=True):
            node.CopyFrom(original)
            node.name = ""  # a copy's would not be its own
        _rename(nodes, names)
        nodes += [
            helper.make_node("Identity", [names.get(source, source)], [target])
            for source, target in handed_on
            if target
        ]
        return nodes

    def stacked(self, name: str, parts: Iterable[str]) -> Iterator[onnx.NodeProto]:
        """The turns' values along a new first axis."""
        rows = []
        axis = self.constant(np.array([0], np.int64), f"{name}/axis")
        for part in parts:
            rows.append(self.free(f"{part}/row"))
            yield helper.make_node("Unsqueeze", [part, axis], [rows[-1]])
        yield helper.make_node("Concat", rows, [name], axis=0)

    def number(self, name: str) -> float:
        """The one number of a constant."""
        return float(array(self.known[name]).reshape(-1)[0])

    def constant(self, values: NDArray[np.generic], hint: str) -> str:
        """The name of a new constant."""
        name = self.free(hint)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def free(self, hint: str) -> str:
        """A name that nothing has yet."""
        name, count = hint, 1
        while name in self.taken:
            name, count = f"{hint}/{count}", count + 1
        self.taken.add(name)
        return name


def _rename(nodes: Iterable[onnx.NodeProto], names: dict[str, str]) -> None:
    """Every value under its new name, where it is made and where it is read."""
    for node in nodes:
        for places in (node.input, node.output):
            for k, name in enumerate(places):
                places[k] = names.get(name, name)
        for inner in subgraphs(node):
            _rename(inner.node, names)
            for value in inner.output:
                value.name = names.get(value.name, value.name)
