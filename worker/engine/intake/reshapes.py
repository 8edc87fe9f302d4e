"""Shape arithmetic that never varies becomes constant, Reshapes take their safe form."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.intake.dead import remove_dead
from worker.engine.intake.reshape_form import Sizes, freed_form, reshape_form
from worker.engine.intake.trial import Trial, observe, observed_shapes
from worker.engine.onnx_file.array import array

SHAPE_ARITHMETIC = {
    "Shape", "Gather", "Slice", "Squeeze", "Unsqueeze", "Cast", "Concat", "Identity", "Add",
    "Sub", "Mul",
}  # fmt: skip
Form = Callable[[Sequence[tuple[Sizes, Sizes]]], Sizes | None]


def fix_shapes(model: onnx.ModelProto, trial: Trial) -> None:
    """Fold shape arithmetic that does not vary with any free axis, in place.

    Needs a trial in which every free axis took two sizes; otherwise nothing is done.
    """
    if not trial.others_vary:
        return
    names = _shape_values(model)
    if not names:
        return
    runs = observe(model, names, trial.inputs)
    fixed = {
        name: runs[0][name]
        for name in names
        if all(np.array_equal(runs[0][name], run[name]) for run in runs)
    }
    kept = [node for node in model.graph.node if not fixed.keys() & set(node.output)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in fixed.items())
    remove_dead(model)


def reform(model: onnx.ModelProto, trial: Trial) -> None:
    """Give every Reshape the form that survives other batches and channel counts, in place."""
    if trial.others_vary:
        _rewrite(model, _reshapes(model), trial, reshape_form)


def free_reshapes(model: onnx.ModelProto, trial: Trial, batch: int) -> None:
    """Make Reshapes with a literal batch follow the batch of their input, in place."""
    constants = initializers(model)
    nodes = [n for n in _reshapes(model) if n.input[1] in constants]
    _rewrite(model, nodes, trial, lambda seen: freed_form(seen, batch))


def _reshapes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Reshape"]


def _rewrite(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], trial: Trial, form: Form
) -> None:
    names = list(dict.fromkeys(n for node in nodes for n in (node.input[0], node.output[0])))
    if not names:
        return
    runs = observed_shapes(model, names, trial.inputs)
    constants = initializers(model)
    taken = constants.keys() | {name for node in model.graph.node for name in node.output}
    for node in nodes:
        safe = form([(run[node.input[0]], run[node.output[0]]) for run in runs])
        if safe is None or safe == _present(node, constants):
            continue
        name = f"{node.output[0]}_shape"
        while name in taken:
            name += "_"
        taken |= {name}
        model.graph.initializer.append(numpy_helper.from_array(np.array(safe, np.int64), name))
        node.input[1] = name
        del node.attribute[:]  # allowzero: 0 now copies
    remove_dead(model)


def _present(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Sizes | None:
    if node.input[1] not in constants or any(a.i for a in node.attribute):
        return None
    return tuple(int(d) for d in array(constants[node.input[1]]))


def _shape_values(model: onnx.ModelProto) -> list[str]:
    """Values computed from shapes and constants alone, in graph order."""
    constants = initializers(model).keys()
    derived: dict[str, None] = {}
    for node in model.graph.node:
        if node.op_type not in SHAPE_ARITHMETIC:
            continue
        sources = [name for name in node.input if name]
        if node.op_type == "Shape" or (
            any(name in derived for name in sources)
            and all(name in derived or name in constants for name in sources)
        ):
            derived.update(dict.fromkeys(node.output))
    return list(derived)
