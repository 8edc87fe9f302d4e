"""Local functions of a model become plain nodes, unless they would explode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import inliner

from lathe.errors import CorruptModel, ModelTooLarge
from worker.engine.graph.operators import every_node

MAX_NODES = 1_000_000
MOST_RATIO = 200  # of the nodes' bytes, constants among them, over the model's own
FREE_BYTES = 64 << 20  # up to here any ratio is harmless
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Size:
    nodes: int
    size_bytes: int


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without local functions; itself where it has none.

    The size is worked out first: functions that call functions grow exponentially, and a
    constant in one is there again for each call. Raises ModelTooLarge past a million nodes, or
    200 times the model's own bytes, and CorruptModel for a function that calls itself.
    """
    if not model.functions:
        return model
    bodies = {(f.domain, f.name): f for f in model.functions}
    sizes: dict[Key, _Size] = {}
    for key in bodies:
        _measure(key, bodies, sizes)
    _check(_total(list(every_node(model.graph)), sizes), model.ByteSize())
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        said = " ".join(str(error).split())
        raise CorruptModel(
            f"its local functions cannot be put in the place of their calls ({said[:300]}); "
            "export the model again"
        ) from error


def _check(unfolded: _Size, own_bytes: int) -> None:
    if unfolded.nodes > MAX_NODES:
        raise ModelTooLarge(
            f"its local functions unfold to {unfolded.nodes} nodes; {MAX_NODES} are allowed"
        )
    if unfolded.size_bytes > max(FREE_BYTES, MOST_RATIO * own_bytes):
        raise ModelTooLarge(
            f"its local functions unfold to {unfolded.size_bytes} bytes, more than "
            f"{MOST_RATIO} times its own; make their constants initializers of the graph"
        )


def _total(nodes: Sequence[onnx.NodeProto], sizes: Mapping[Key, _Size]) -> _Size:
    """Of these nodes, with what is put in the place of those that are calls."""
    count = size_bytes = 0
    for node in nodes:
        known = sizes.get((node.domain, node.op_type))
        count += known.nodes if known else 1
        size_bytes += known.size_bytes if known else node.ByteSize()
    return _Size(count, size_bytes)


def _measure(key: Key, bodies: dict[Key, onnx.FunctionProto], sizes: dict[Key, _Size]) -> None:
    """Post-order walk on a stack of our own; `sizes` gets the unfolded size of `key`."""
    stack: list[tuple[Key, bool]] = [(key, False)]
    open_keys: set[Key] = set()
    while stack:
        current, done = stack.pop()
        inner = _inner(bodies[current])
        if done:
            open_keys.discard(current)
            sizes[current] = _total(inner, sizes)
        elif current in open_keys:
            raise CorruptModel(f"the local function {current[1]!r} calls itself")
        elif current not in sizes:
            open_keys.add(current)
            calls = [(node.domain, node.op_type) for node in inner]
            stack.append((current, True))
            stack.extend((call, False) for call in dict.fromkeys(calls) if call in bodies)


def _inner(function: onnx.FunctionProto) -> list[onnx.NodeProto]:
    return list(every_node(onnx.GraphProto(node=function.node)))
