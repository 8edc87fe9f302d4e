"""onnx's own checks on a model with mapped tensors."""

import onnx
from onnx import helper

from worker.engine.onnx_file.place import is_mapped


def check_model(model: onnx.ModelProto) -> None:
    """Raise onnx.checker.ValidationError where the model breaks a rule of the format.

    onnx.checker looks for external data below the working directory, so it is shown mapped
    tensors as inputs of the same type.
    """
    onnx.checker.check_model(_mapped_as_inputs(model), full_check=False)


def _mapped_as_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    mapped = [tensor for tensor in model.graph.initializer if is_mapped(tensor)]
    if not mapped:
        return model
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    graph = shown.graph
    kept = [tensor for tensor in graph.initializer if not is_mapped(tensor)]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    declared = {value.name for value in graph.input}
    graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in mapped
        if tensor.name not in declared
    )
    return shown
