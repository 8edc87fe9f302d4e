"""What the factors of a layer are called.

The last one keeps the layer's id, so that the bias, the output's name and the channels that an
earlier step left still are those of that id. Those before it are `id.factor1`, `id.factor2`, or
with a number behind where that name is taken: `id.factor1_1`.
"""

import re
from collections.abc import Collection

import onnx

from worker.engine.optimize.names import fresh

_SUFFIX = re.compile(r"\.factor\d+(_\d+)?$")


def factor_name(graph: onnx.GraphProto, whole: str, place: int) -> str:
    """A name that nothing in the graph has, for what comes at `place`, counted from 1, before
    the last factor of `whole`."""
    return fresh(graph, f"{whole}.factor{place}")


def layer_of(name: str, layers: Collection[str]) -> str | None:
    """The one of `layers` that a factor of this name was made of; None for other names."""
    while name not in layers:
        shorter = _SUFFIX.sub("", name)
        if shorter == name:
            return None
        name = shorter
    return name
