"""A transposition of the last two axes that was written with merged leading axes is unmerged.

    (a, b, c, d) -Reshape-> (a*b, c, d) -Transpose-> (a*b, d, c) -Reshape-> (a, b, d, c)

is Transpose(0, 1, 3, 2). Exporters write attention keys so; the Reshapes would tie the graph
to its head count and head width.
"""

import onnx
from onnx import helper

from worker.engine.graph.uses import consumers
from worker.engine.intake.dead import remove_dead
from worker.engine.intake.trial import Trial, observed_shapes

MERGED = [0, 2, 1]
PLAIN = [0, 1, 3, 2]
Sizes = tuple[int, ...]


def unmerge_transposes(model: onnx.ModelProto, trial: Trial) -> None:
    """Rewrite every such triple, in place."""
    triples = _triples(model)
    names = [n.input[0] for n, *_ in triples] + [
        n.output[0] for triple in triples for n in triple
    ]
    if not names:
        return
    runs = observed_shapes(model, names, trial.inputs)
    for merge, turn, split in triples:
        seen = [
            (run[merge.input[0]], run[merge.output[0]], run[split.output[0]]) for run in runs
        ]
        if all(_swaps_last_two(*shapes) for shapes in seen):
            turn.input[0] = merge.input[0]
            turn.output[0] = split.output[0]
            split.output[0] = f"{split.output[0]}_unused"
            del turn.attribute[:]
            turn.attribute.append(helper.make_attribute("perm", PLAIN))
    remove_dead(model)


def _triples(
    model: onnx.ModelProto,
) -> list[tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto]]:
    readers = consumers(model.graph)
    outputs = {value.name for value in model.graph.output}

    def only_reader(node: onnx.NodeProto, operator: str) -> onnx.NodeProto | None:
        found = readers.get(node.output[0], [])
        alone = len(found) == 1 and node.output[0] not in outputs
        return found[0] if alone and found[0].op_type == operator else None

    triples = []
    for merge in model.graph.node:
        turn = only_reader(merge, "Transpose") if merge.op_type == "Reshape" else None
        split = only_reader(turn, "Reshape") if turn is not None else None
        if turn is None or split is None or split.input[0] != turn.output[0]:
            continue
        if helper.get_node_attr_value(turn, "perm") == MERGED:
            triples.append((merge, turn, split))
    return triples


def _swaps_last_two(before: Sizes, merged: Sizes, after: Sizes) -> bool:
    if len(before) != len(PLAIN):
        return False
    a, b, c, d = before
    return merged == (a * b, c, d) and after == (a, b, d, c)
