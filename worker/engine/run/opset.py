"""A result in an older or newer standard operator set."""

import onnx
from onnx import helper, version_converter

from lathe.errors import EffectLost, StepImpossible, UnsupportedModel
from worker.engine.gate import same_function
from worker.engine.graph.operators import every_node, qualified
from worker.engine.intake.runtime import check_loadable
from worker.engine.onnx_file.check import check_model
from worker.engine.onnx_file.place import is_mapped
from worker.engine.probe import random_inputs
from worker.engine.run.slim import STANDARD, slim

PROBED_TOGETHER = 2  # examples that the converted model is compared on
OLDEST_IR = 8  # the first with functions


def at_opset(model: onnx.ModelProto, opset: int | None) -> onnx.ModelProto:
    """`model` in the standard operator set `opset` (None: as it is).

    onnx's converter refuses or mistranslates what it does not know. So operators outside the
    standard set are refused before it is asked, and its result has to compute the same.
    """
    current = next(i.version for i in model.opset_import if i.domain in STANDARD)
    if opset is None or opset == current:
        return model
    strange = sorted(
        {qualified(n) for n in every_node(model.graph) if n.domain not in STANDARD}
    )
    if strange:
        raise StepImpossible(
            f"the result uses {', '.join(strange)}, which no standard opset has, so it cannot "
            f"be converted to opset {opset}; leave opset out, or quantize with format qdq",
            param="outputs.opset",
        )
    try:
        converted = _converted(model, opset)
        set_format(converted)
        check_model(converted)
        check_loadable(converted)
        same_function(model, converted, [random_inputs(model, PROBED_TOGETHER, seed=0)])
    except (RuntimeError, onnx.checker.ValidationError, EffectLost, UnsupportedModel) as error:
        raise StepImpossible(
            f"the result cannot be converted from opset {current} to {opset}: "
            f"{str(error).strip().splitlines()[0]}; leave opset out or ask for a later one",
            param="outputs.opset",
        ) from error
    return slim(converted)


def set_format(model: onnx.ModelProto) -> None:
    """The oldest version of the file format that the operator sets allow, in place."""
    needed = helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    model.ir_version = max(OLDEST_IR, needed)


def _converted(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """By onnx's converter, which knows no mapped tensor: it sees inputs of the same type."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    mapped = [tensor for tensor in model.graph.initializer if is_mapped(tensor)]
    names = {tensor.name for tensor in mapped}
    kept = [tensor for tensor in shown.graph.initializer if tensor.name not in names]
    del shown.graph.initializer[:]
    shown.graph.initializer.extend(kept)
    declared = {value.name for value in shown.graph.input}
    shown.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in mapped
        if tensor.name not in declared
    )
    converted = version_converter.convert_version(shown, opset)
    inputs = [v for v in converted.graph.input if v.name not in names - declared]
    del converted.graph.input[:]
    converted.graph.input.extend(inputs)
    converted.graph.initializer.extend(mapped)
    return converted
