"""What in a graph repeats the sizes of its weights, and has to follow when they change."""

from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, fx

from worker.engine.graph.uses import live
from worker.engine.probe import random_inputs
from worker.engine.view.shape_vector import ShapeVectors
from worker.engine.view.source import Source, stored
from worker.engine.view.torch_view import TorchView

BATCH = 2
COPY, REST, BROADCAST = 0, -1, 1


def follow_structure(view: TorchView, model: onnx.ModelProto, result: onnx.ModelProto) -> None:
    """Make `result`, which already holds the view's tensors, fit their shapes, in place.

    `model` is the graph before. Attributes come from the modules; sizes in Reshape, Expand and
    Split from the shapes that the view really makes.
    """
    before = live(model.graph)
    _attributes(view, result)
    made = _shapes(view, model)
    vectors = ShapeVectors(result, Source(model).shapes)
    for node in list(result.graph.node):
        wanted = _wanted(node, made)
        if wanted is not None:
            skipped = {COPY, REST} if node.op_type == "Reshape" else set[int]()
            skipped |= {BROADCAST} if node.op_type == "Expand" else set()
            node.input[1] = vectors.fitted(node.input[1], wanted, skipped)
    _drop(result, before - live(result.graph))
    del result.graph.value_info[:]
    _declare(result)


def _attributes(view: TorchView, result: onnx.ModelProto) -> None:
    makers = {name: node for node in result.graph.node for name in node.output}
    for binding in view.attributes:
        value = getattr(view.module.get_submodule(binding.path), binding.field)
        node = makers[binding.output]
        found = next((a for a in node.attribute if a.name == binding.attribute), None)
        if found is not None:
            found.i = int(value)
        elif int(value) != 1:
            node.attribute.append(helper.make_attribute(binding.attribute, int(value)))
    for output, place in view.dropped:
        makers[output].input[place] = ""


class _Shapes(fx.Interpreter):
    """Runs the view and keeps the shape of every value that has an ONNX name."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.made: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.made.update(dict.fromkeys(n.meta.get("onnx", ()), tuple(result.shape)))
        return result


def _shapes(view: TorchView, model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    inputs = random_inputs(model, BATCH, seed=0)
    tensors = [torch.from_numpy(inputs[name]).to(view.device) for name in view.input_names]
    watch = _Shapes(view.module)
    training = view.module.training
    view.module.eval()
    with torch.no_grad():
        watch.run(*(t.float() if t.is_floating_point() else t for t in tensors))
    view.module.train(training)
    return watch.made


def _wanted(node: onnx.NodeProto, made: dict[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The sizes that input 1 of a Reshape, Expand or Split should name."""
    match node.op_type:
        case "Reshape" | "Expand":
            return made.get(node.output[0])
        case "Split" if len(node.input) > 1 and node.input[1]:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            sizes = [made[name][axis] if name in made else None for name in node.output]
            known = [size for size in sizes if size is not None]
            return tuple(known) if len(known) == len(sizes) else None
        case _:
            return None


def _drop(result: onnx.ModelProto, names: frozenset[str]) -> None:
    """Remove nodes and constants that nothing reads any more."""
    graph = result.graph
    for node in [n for n in graph.node if set(n.output) & names and not set(n.output) - names]:
        graph.node.remove(node)
    for tensor in [t for t in graph.initializer if t.name in names]:
        graph.initializer.remove(tensor)


def _declare(result: onnx.ModelProto) -> None:
    """Constants that are also declared as inputs repeat their shape there."""
    tensors = stored(result)
    for value in result.graph.input:
        if value.name in tensors:
            dtype = tensors[value.name].data_type
            shape = np.array(tensors[value.name].dims).tolist()
            value.CopyFrom(helper.make_tensor_value_info(value.name, dtype, shape))
