"""Names of sizes that were changed more than once."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worker.engine.view.shape_vector import ShapeVectors


def test_a_name_does_not_grow_however_often_its_sizes_change() -> None:
    graph = helper.make_graph([], "sizes", [], [])
    graph.initializer.append(numpy_helper.from_array(np.int64([-1, 8]), "sizes"))
    model = onnx.ModelProto(graph=graph)
    names = ["sizes"]
    for width in (7, 6, 5):
        vectors = ShapeVectors(model, {})
        names.append(vectors.fitted(names[-1], [2, width], {0, -1}))
        unread = [t for t in model.graph.initializer if t.name != names[-1]]
        for tensor in unread:
            model.graph.initializer.remove(tensor)
    assert names == ["sizes", "sizes/1", "sizes/2", "sizes/1"]
    assert numpy_helper.to_array(model.graph.initializer[0]).tolist() == [-1, 5]
