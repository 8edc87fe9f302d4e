"""What layers read when those before them have changed."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.context import Arrays
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import Floats, sites
from worker.engine.layerwise.stages import Stage, Stages, Weights
from worker.engine.layerwise.walk import walk
from worker.engine.onnx_file.array import array

X = np.float32([[1, 2], [3, -4]])
A = np.float32([[1, 0.5], [2, -1]])


@dataclass
class Seen:
    """All rows, as they come."""

    groups: int
    columns: int
    original: list[Floats] = field(default_factory=list)
    changed: list[Floats] = field(default_factory=list)

    def add(self, rows: Floats, coded: Floats) -> None:
        self.original.append(rows)
        self.changed.append(coded)


def weights(model: onnx.ModelProto) -> dict[str, Floats]:
    there = initializers(model)
    return {s.name: np.asarray(array(there[s.name]), np.float32) for s in sites(model)}


def test_a_layer_reads_what_the_changed_ones_before_it_answer() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("MatMul", ["h", "b"], ["y"]),
    ]
    doors = {"x": (TensorProto.FLOAT, ["n", 2])}, {"y": (TensorProto.FLOAT, ["n", 1])}
    model = made(nodes, {"a": A, "b": np.float32([[1], [1]])}, *doors)
    original = weights(model)
    present = dict(original)
    stages = Stages(model, sites(model), original, inputs_of, threads=1)
    found = {}
    for seen in walk(stages, original, present, [{"x": X[:1]}, {"x": X[1:]}], Seen):
        for site, sums in seen:
            found[site.name] = sums
            present[site.name] = original[site.name] * 3
    first, second = found["a"], found["b"]
    assert first is not None
    assert second is not None
    assert (first.groups, first.columns) == (1, 2)
    assert [rows.tolist() for rows in first.changed] == [[X[:1].tolist()], [X[1:].tolist()]]
    assert np.allclose(np.concatenate(second.original, axis=1)[0], X @ A)
    assert np.allclose(np.concatenate(second.changed, axis=1)[0], X @ A * 3)


def test_every_layer_comes_once_and_a_table_without_its_inputs(
    mixed: onnx.ModelProto, mixed_inputs: Arrays
) -> None:
    original = weights(mixed)
    stages = Stages(mixed, sites(mixed), original, inputs_of, threads=1)
    found = {}
    for seen in walk(stages, original, dict(original), [mixed_inputs], Seen):
        found.update((site.name, sums) for site, sums in seen)
    assert found.keys() == original.keys()
    assert [name for name, sums in found.items() if sums is None] == ["table"]
    shapes = {n: sums.changed[0].shape for n, sums in found.items() if sums is not None}
    assert shapes["conv"] == (2, 40 * 4 * 4, 6)
    assert shapes["r"] == (2, 40 * 3, 6)  # states before each step but the first


def test_a_net_that_nobody_changes_runs_once_through_every_stage() -> None:
    doors = {"x": (TensorProto.FLOAT, ["n", 2])}, {"y": (TensorProto.FLOAT, ["n", 2])}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("MatMul", ["h", "b"], ["y"]),
    ]
    model = made(nodes, {"a": A, "b": A}, *doors)
    original = weights(model)
    runs: list[int] = []

    class Counted(Stages):
        def run(self, stage: Stage, before: Arrays, weights: Weights) -> Arrays:
            runs.append(stage.start)
            return super().run(stage, before, weights)

    stages = Counted(model, sites(model), original, inputs_of, threads=1)
    seen = list(walk(stages, original, original, [{"x": X}], Seen))
    assert runs == [stage.start for stage in stages.stages]
    found = {site.name: sums for layer in seen for site, sums in layer}
    assert found["b"] is not None
    assert (
        found["b"].original[0].tolist() == found["b"].changed[0].tolist() == [(X @ A).tolist()]
    )
