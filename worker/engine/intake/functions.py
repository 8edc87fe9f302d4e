"""Local functions of a model become plain nodes, unless they would explode."""

import onnx
from onnx import inliner

from lathe.errors import CorruptModel, ModelTooLarge
from worker.engine.graph.operators import every_node

MAX_NODES = 1_000_000
Key = tuple[str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without local functions; itself where it has none.

    The size is worked out first: functions that call functions grow exponentially. Raises
    ModelTooLarge past a million nodes and CorruptModel for a function that calls itself.
    """
    if not model.functions:
        return model
    bodies = {(f.domain, f.name): f for f in model.functions}
    sizes: dict[Key, int] = {}
    for key in bodies:
        _measure(key, bodies, sizes)
    total = sum(sizes.get((node.domain, node.op_type), 1) for node in every_node(model.graph))
    if total > MAX_NODES:
        raise ModelTooLarge(
            f"its local functions unfold to {total} nodes; {MAX_NODES} are allowed"
        )
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        said = " ".join(str(error).split())
        raise CorruptModel(
            f"its local functions cannot be put in the place of their calls ({said[:300]}); "
            "export the model again"
        ) from error


def _measure(key: Key, bodies: dict[Key, onnx.FunctionProto], sizes: dict[Key, int]) -> None:
    """Post-order walk on a stack of our own; `sizes` gets the unfolded size of `key`."""
    stack: list[tuple[Key, bool]] = [(key, False)]
    open_keys: set[Key] = set()
    while stack:
        current, done = stack.pop()
        calls = [(n.domain, n.op_type) for n in _inner(bodies[current])]
        if done:
            open_keys.discard(current)
            sizes[current] = sum(sizes.get(call, 1) for call in calls)
        elif current in open_keys:
            raise CorruptModel(f"the local function {current[1]!r} calls itself")
        elif current not in sizes:
            open_keys.add(current)
            stack.append((current, True))
            stack.extend((call, False) for call in dict.fromkeys(calls) if call in bodies)


def _inner(function: onnx.FunctionProto) -> list[onnx.NodeProto]:
    return list(every_node(onnx.GraphProto(node=function.node)))
