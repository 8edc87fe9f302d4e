"""Packed models: the files that Lathe makes as small as it can, and back to ONNX bit for bit.

`lathe.packed.unpack(source, target)` and `lathe.packed.load(source)`; needs numpy, `load` onnx
too: `pip install 'lathe[packed]'`. The format: docs/reference/packed.md.
"""

from lathe.packed.limits import Limits
from lathe.packed.load import load
from lathe.packed.unpack import unpack

__all__ = ["Limits", "load", "unpack"]
