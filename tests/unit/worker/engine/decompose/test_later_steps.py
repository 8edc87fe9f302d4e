"""What other steps make of decomposed layers, and decomposing of theirs."""

import numpy as np
import pytest

from lathe.techniques import AnyStep
from lathe.techniques.decompose import (
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
)
from lathe.techniques.prune import PruneChannels
from lathe.techniques.quantize import QuantizeStatic
from lathe.techniques.share import ShareWeights
from lathe.techniques.train import Adam, Distill, Recover
from tests.unit.worker.engine.decompose.images import given, net
from tests.unit.worker.engine.decompose.lone import some, weights
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run


@pytest.mark.parametrize("technique", [DecomposeSvd, DecomposeTucker, DecomposeCp])
def test_what_was_decomposed_is_trained_pruned_shared_and_quantized(
    technique: type, seeing: Context
) -> None:
    rank = {DecomposeSvd: 3, DecomposeTucker: [4, 2], DecomposeCp: 6}[technique]
    more = {"min_energy": 0.0} if technique is DecomposeCp else {}
    start = apply(Checkpoint(net()), given(rank, technique, **more), seeing).checkpoint
    lessons = {"epochs": 1, "batch_size": 20, "optimizer": Adam(lr=0.01)}
    steps: list[AnyStep] = [QuantizeStatic()]
    if technique is DecomposeSvd:
        steps += [Distill(**lessons), PruneChannels(keep_macs=0.8)]
        steps += [ShareWeights(bits=2, epochs=0)]
    trained = apply(start, Recover(**lessons), seeing).checkpoint
    old, new = weights(start.model), weights(trained.model)
    assert old.keys() == new.keys()
    assert not np.array_equal(old["c2.factor1"], new["c2.factor1"])
    for step in steps:
        done = apply(trained, step, seeing).checkpoint
        check_kept(trained, done)
        assert run(open_session(done.model), {"x": some(3, 2, 8, 6)})["y"].shape == (3, 2)


def test_a_narrowed_layer_can_be_decomposed_and_decomposed_again(seeing: Context) -> None:
    narrow = apply(Checkpoint(net()), PruneChannels(keep_macs=0.7), seeing).checkpoint
    once = apply(narrow, given(3), seeing).checkpoint
    check_kept(narrow, once)
    assert once.traits == narrow.traits
    spec = DecomposeSvd.model_validate({"rank": {"by": "given", "layers": {"c2": 1}}})
    twice = apply(once, spec, seeing).checkpoint
    check_kept(once, twice)
    assert {"c2.factor1", "c2.factor1_1", "c2"} <= weights(twice.model).keys()
