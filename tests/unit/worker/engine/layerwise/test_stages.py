"""The graph in pieces computes what it computes whole, whatever weights it is given."""

import numpy as np
import onnx
import pytest

from worker.engine.context import Arrays
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import Floats, sites
from worker.engine.layerwise.stages import Stages
from worker.engine.onnx_file.array import array
from worker.engine.rate.post.coded_net import with_tensors
from worker.engine.session import open_session, run


@pytest.fixture
def weights(mixed: onnx.ModelProto) -> dict[str, Floats]:
    there = initializers(mixed)
    return {site.name: array(there[site.name]).astype(np.float32) for site in sites(mixed)}


def test_the_pieces_make_the_outputs_with_any_weights(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, weights: dict[str, Floats]
) -> None:
    stages = Stages(mixed, sites(mixed), weights, inputs_of, threads=1)
    assert len(stages.stages) > 4
    for factor in (1, -2):
        changed = {name: weight * factor for name, weight in weights.items()}
        whole = run(open_session(with_tensors(mixed, changed)), mixed_inputs)
        values = mixed_inputs
        for stage in stages.stages:
            values = stages.run(stage, values, changed)
        assert np.allclose(values["y"], whole["y"], atol=1e-5)


def test_what_a_layer_reads_is_there_before_anything_reads_the_layer(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, weights: dict[str, Floats]
) -> None:
    stages = Stages(mixed, sites(mixed), weights, inputs_of, threads=1)
    values, treated = mixed_inputs, set[str]()
    for stage in stages.stages:
        values = stages.run(stage, values, weights)
        for site in stage.sites:
            assert set(inputs_of(site)) <= values.keys()
            assert site.first >= stage.end or site.name == "r"  # reads its own outputs
            treated.add(site.name)
    assert treated == weights.keys()
    assert values.keys() == {"y"}


def test_only_what_is_still_read_is_kept(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, weights: dict[str, Floats]
) -> None:
    stages = Stages(mixed, sites(mixed), weights, inputs_of, threads=1)
    last = stages.stages[-1]
    before = next(s for s in stages.stages if any(x.name == "matmul" for x in s.sites))
    assert set(before.keeps) == {"g", "sf"}
    assert last.keeps == ("y",)
