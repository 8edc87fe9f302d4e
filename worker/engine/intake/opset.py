"""Older models are brought to the opset that the rest of the engine speaks."""

import onnx
from onnx import version_converter

OPSET = 18


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators that the model uses; 0 where it uses none."""
    return max(
        (e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), default=0
    )


def converted(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model at opset 18, or None where onnx's converter has no way for an operator."""
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, version_converter.ConvertError):
        return None
