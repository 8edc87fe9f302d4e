"""A trained or pruned view back into the graph that it came from."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.errors import StepImpossible
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.check import check_model
from worker.engine.view.binding import Binding
from worker.engine.view.source import stored
from worker.engine.view.structure import follow_structure
from worker.engine.view.torch_view import TorchView


def write_back(view: TorchView, model: onnx.ModelProto) -> onnx.ModelProto:
    """A new model: `model` with the tensors of `view`, which was made from it.

    Names of nodes, tensors, inputs and outputs stay. A tensor that did not change keeps its
    bytes. Where shapes changed, so do the attributes and constants that repeat them, and
    recorded shapes of inner values are dropped. Tensors that several nodes share and that the
    view now holds apart get a name of their own, one for all of them but the first.
    Raises StepImpossible where a change cannot be expressed in the graph.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    narrower = False
    tensors = stored(result)
    groups: dict[str, list[Binding]] = {}
    for binding in view.bindings:
        groups.setdefault(binding.initialiser, []).append(binding)
    for name, bindings in groups.items():
        narrower |= _write(view, result, tensors[name], bindings)
    if narrower:
        follow_structure(view, model, result)
    check_model(result)
    return result


def _write(
    view: TorchView, result: onnx.ModelProto, tensor: onnx.TensorProto, bindings: list[Binding]
) -> bool:
    """Write one tensor; whether its shape changed."""
    before = array(tensor).astype(np.float32)
    shape = before.shape
    values = [_read(view, binding) for binding in bindings]
    first = values[0]
    if not _same(first, before):
        _set(tensor, first)
    for binding, value in zip(bindings[1:], values[1:], strict=True):
        if not _same(value, first):
            _part(result, tensor, binding, value)
    return any(value.shape != shape for value in values)


def _read(view: TorchView, binding: Binding) -> NDArray[np.float32]:
    tensor = binding.read(view.module.get_submodule(binding.path))
    values: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return values


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return a.shape == b.shape and np.array_equal(a, b)


def _set(tensor: onnx.TensorProto, value: NDArray[np.float32]) -> None:
    """New values in the element type that the tensor has."""
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    tensor.CopyFrom(numpy_helper.from_array(value.astype(dtype, order="C"), tensor.name))


def _part(
    result: onnx.ModelProto,
    tensor: onnx.TensorProto,
    binding: Binding,
    value: NDArray[np.float32],
) -> None:
    """Give one reader of a shared tensor a tensor of its own."""
    for node in result.graph.node:
        if binding.output in node.output and node.input[binding.place] == tensor.name:
            own = result.graph.initializer.add()
            own.CopyFrom(tensor)
            own.name = f"{tensor.name}/{binding.output}/{binding.place}"
            _set(own, value)
            node.input[binding.place] = own.name
            return
    raise StepImpossible(
        f"{tensor.name!r} is shared between layers of the model, and they were changed apart"
    )
