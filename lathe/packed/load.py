"""A packed file as a model in memory."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from lathe.packed.limits import Limits
from lathe.packed.unpack import unpack_into

if TYPE_CHECKING:
    import onnx


def load(source: Path | bytes, limits: Limits | None = None) -> "onnx.ModelProto":
    """The model that `source` holds; refuses like `unpack`. Needs the onnx package."""
    import onnx  # noqa: PLC0415 - the one thing here that needs more than numpy

    file = io.BytesIO()
    data = source if isinstance(source, bytes) else source.read_bytes()
    unpack_into(data, file, limits or Limits())
    model: onnx.ModelProto = onnx.load_from_string(file.getvalue())
    return model
