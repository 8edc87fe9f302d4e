"""The half-built view: what a form may ask for and what it may add."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from worker.engine.view.binding import AttributeBinding, Binding, Reader, Same
from worker.engine.view.blocked import Blocked
from worker.engine.view.host import to_tensor
from worker.engine.view.modules import Free
from worker.engine.view.op import Op
from worker.engine.view.source import Origin, Source
from worker.engine.view.values import Device, Host, Known, Value

MASK = 1e30  # numbers this large are masks, not weights: training must leave them alone
MATRIX_RANK = 2
META = "meta"  # of modules whose own first weights are replaced at once: they take no memory
MASK_CHUNK_ELEMENTS = 1 << 22
Literal = int | float | bool | list[Any]


Bound = tuple[Op, int, Reader]  # a node, the place of one of its inputs, what reads it back


class Builder:
    """An fx graph and its modules in the making. Forms call its methods, one node at a time.

    With `weightless` no tensor of the file is copied: the modules have its shapes alone.
    """

    def __init__(self, source: Source, *, weightless: bool = False) -> None:
        self.source = source
        self.weightless = weightless
        self.device = META if weightless else "cpu"
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.values: dict[str, Value] = {}
        self.bindings: list[Binding] = []
        self.attributes: list[AttributeBinding] = []
        self.layers: dict[str, str] = {}
        self.dropped: list[tuple[str, int]] = []  # inputs that the view leaves out as zero
        self.free: dict[str, str] = {}  # constant -> path of the Free that holds it
        self.absorbed: set[str] = set()  # outputs that an earlier node already made
        self._paths: set[str] = set()
        self._parameters: dict[tuple[str, bool, tuple[int, ...]], nn.Parameter] = {}
        for name in source.inputs:
            self.put(name, self.graph.placeholder(self.path(name)))

    def put(self, name: str, node: fx.Node) -> None:
        """`node` is the tensor called `name` in the ONNX graph."""
        self.values[name] = Device(node)
        node.meta["onnx"] = (*node.meta.get("onnx", ()), name)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A function call, made when the view runs."""
        return self.graph.call_function(function, args, kwargs)

    def value(self, name: str) -> Value:
        """What `name` is; constants are brought into the view when first asked for."""
        if name not in self.values:
            self.values[name] = self._constant(self.source.origins[name])
        return self.values[name]

    def tensor(self, name: str) -> fx.Node:
        """`name` as a tensor, whatever it is."""
        value = self.value(name)
        match value:
            case Device(node):
                return node
            case Host(node):
                return self.call(to_tensor, node, self.anchor)
            case Known(array):
                node = self.buffer(name, array)
                self.values[name] = Device(node) if array.ndim > 1 else value
                return node

    def operand(self, name: str, other: str) -> Any:
        """`name` beside `other` in an elementwise function: a number stays a number, where
        that does not lose an axis of the result."""
        value = self.value(name)
        if isinstance(value, Known) and value.array.size == 1:
            array = value.array
            if array.ndim <= (self.source.rank(other) or 0):
                return array.reshape(-1)[0].item()
        return self.tensor(name)

    def host(self, name: str) -> Literal | fx.Node:
        """`name` as Python numbers; raises Blocked where they come out of a tensor."""
        array = self.source.array(name)
        if array is None:
            value = self.value(name)
            if isinstance(value, Host):
                return value.node
            if not isinstance(value, Known):
                raise Blocked("sizes that depend on data")
            array = value.array
        literal: Literal = array.tolist()
        return literal

    def known(self, name: str) -> NDArray[np.generic]:
        """The constant behind `name`; raises Blocked where there is none."""
        array = self.source.array(name)
        if array is not None:
            return array
        match self.values.get(name):
            case Known(found):
                return found
            case _:
                raise Blocked("a computed parameter")

    def weights(self, *names: str) -> bool:
        """Whether each name is a float constant that may live in a module, or empty."""
        origins = [self.source.origins.get(name) for name in names if name]
        return all(
            origin is not None
            and self.source.is_float(origin.name)
            and self.source.one_role(origin.name)
            for origin in origins
        )

    def parameter(self, name: str, *, transposed: bool = False) -> nn.Parameter:
        """The constant behind `name`, float32; one Parameter however often it is asked for."""
        array = self.known(name)
        turned = self.orientation(name, transposed=transposed)
        return self.shaped(name, array.T if transposed else array, turned=turned)

    def shaped(self, name: str, array: NDArray[Any], *, turned: bool = False) -> nn.Parameter:
        """`parameter` with the values in another shape."""
        key = (self.source.origins[name].name, turned, array.shape)
        if key not in self._parameters:
            self._parameters[key] = nn.Parameter(self._copied(array, np.dtype(np.float32)))
        return self._parameters[key]

    def orientation(self, name: str, *, transposed: bool) -> bool:
        """Whether the file's tensor is the transpose of the module's."""
        return self.source.origins[name].transposed != transposed

    def add(self, hint: str, module: nn.Module) -> str:
        """`module` under a path made from `hint`."""
        path = self.path(hint)
        self.root.add_module(path, module)
        return path

    def layer(
        self,
        op: Op,
        module: nn.Module,
        args: Sequence[fx.Node],
        bound: Sequence[Bound],
    ) -> fx.Node:
        """A call of `module`, which holds the tensors in `bound`; the first names the layer."""
        first, place, _ = bound[0]
        origin = self.source.origins[first.inputs[place]].name
        path = self.add(re.sub(r"\.?(weight|kernel)$", "", origin) or op.kind, module)
        for node, place, reader in bound:
            name = self.source.origins[node.inputs[place]].name
            self.bindings.append(Binding(name, path, reader, node.key, place))
        self.layers.setdefault(origin, path)
        return self.graph.call_module(path, tuple(args))

    def claim(self, name: str) -> None:
        """The constant behind `name`, if it became a Free, is the weight of a layer."""
        origin = self.source.origins.get(name)
        if origin is not None and origin.name in self.free:
            self.layers.setdefault(origin.name, self.free[origin.name])

    def module(self, op: Op, module: nn.Module, *args: Any) -> fx.Node:
        """A call of a module that holds no tensor of the file."""
        return self.graph.call_module(self.add(op.node.name or op.key, module), args)

    def follow(self, op: Op, attribute: str, node: fx.Node, field: str) -> None:
        """The node's `attribute` is written back from `field` of the module that it calls."""
        self.attributes.append(AttributeBinding(op.key, attribute, str(node.target), field))

    def buffer(self, hint: str, array: NDArray[np.generic]) -> fx.Node:
        """A constant tensor that moves with the module; floats become float32."""
        floats = array.dtype.kind not in "iub"
        path = self.path(f"constant_{hint}")
        copy = self._copied(array, np.dtype(np.float32) if floats else array.dtype)
        self.root.register_buffer(path, copy)
        return self.graph.get_attr(path)

    @property
    def anchor(self) -> fx.Node:
        """A tensor whose device new tensors take."""
        anchor: fx.Node = next(n for n in self.graph.nodes if n.op == "placeholder")
        return anchor

    def path(self, hint: str) -> str:
        """A module path or argument name that is free."""
        stem = re.sub(r"\W+", "_", hint).strip("_") or "node"
        stem = f"n_{stem}" if stem[0].isdigit() else stem
        path, count = stem, 1
        while path in self._paths or hasattr(self.root, path):
            path, count = f"{stem}_{count}", count + 1
        self._paths.add(path)
        return path

    def _copied(self, array: NDArray[Any], dtype: np.dtype[Any]) -> torch.Tensor:
        """A tensor of its own; without numbers where the view is weightless."""
        if self.weightless:
            return torch.empty(array.shape, device=META)
        return torch.from_numpy(np.array(array, dtype=dtype, order="C"))

    def _constant(self, origin: Origin) -> Value:
        array = self.source.array(origin.name)
        if array is None or array.dtype.kind in "OSU":
            raise Blocked("text")
        if not self.source.is_float(origin.name):
            return Known(array.T if origin.transposed else array)
        if array.size <= 1 or _is_mask(array):
            floats = array.astype(np.float32)
            return Known(floats.T if origin.transposed else floats)
        if origin.transposed:
            return Device(self.call(torch.t, self.tensor(origin.name)))
        path = self.add(f"free_{origin.name}", Free(self.shaped(origin.name, array)))
        self.bindings.append(Binding(origin.name, path, Same("value")))
        self.free[origin.name] = path
        return Device(self.graph.call_module(path))


def _is_mask(array: NDArray[Any]) -> bool:
    """Whether a number in it is too large, or is none, for a trained tensor."""
    flat = array.reshape(-1)
    parts = (
        flat[begin : begin + MASK_CHUNK_ELEMENTS].astype(np.float32)
        for begin in range(0, flat.size, MASK_CHUNK_ELEMENTS)
    )
    return not all(bool(np.all(np.abs(part) < MASK)) for part in parts)
