"""Older models are brought to the opset that the rest of the engine speaks."""

import onnx
from onnx import helper, version_converter

OPSET = 18
COORDINATES_OPSET = 11
BEFORE = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators that the model uses; 0 where it uses none."""
    return max(
        (e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), default=0
    )


def converted(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model at opset 18, or None where onnx's converter has no way for an operator."""
    try:
        newer = version_converter.convert_version(model, OPSET)
    except (RuntimeError, version_converter.ConvertError):
        return None
    if opset_of(model) < COORDINATES_OPSET:
        for node in newer.graph.node:
            if node.op_type == "Resize":
                _place_as_before(node)
    return newer


def _place_as_before(resize: onnx.NodeProto) -> None:
    """Resize and Upsample read element i / scale, rounded down, before they could be told
    another place; the converter leaves them the newer default."""
    for name, value in BEFORE.items():
        if all(attribute.name != name for attribute in resize.attribute):
            resize.attribute.append(helper.make_attribute(name, value))
