"""share.kernels from checkpoint to checkpoint."""

import numpy as np
import pytest

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.share import ShareKernels
from lathe.techniques.train import Adam, Recover
from tests.unit.worker.engine.decompose.conftest import seeing
from tests.unit.worker.engine.decompose.images import net
from tests.unit.worker.engine.decompose.lone import Floats, some, weights
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

__all__ = ["seeing"]

FEW = ShareKernels(kernels=5)


def different(weight: Floats) -> int:
    return len(np.unique(weight.reshape(-1, 9), axis=0))


def test_the_kernels_of_all_layers_are_few_up_to_a_scale_of_the_layer(
    seeing: Context,
) -> None:
    done = apply(Checkpoint(net()), FEW, seeing).checkpoint
    found = weights(done.model)
    scales = {name: np.sqrt(np.mean(weights(net())[name] ** 2)) for name in ("c1", "c2")}
    both = [found[name].reshape(-1, 9) / scale for name, scale in scales.items()]
    assert len(np.unique(np.concatenate(both).round(4), axis=0)) == 5
    assert different(weights(net())["c2"]) == 48
    np.testing.assert_array_equal(found["g"], weights(net())["g"])
    y = run(open_session(done.model), {"x": some(3, 2, 8, 6)})["y"]
    assert np.isfinite(y).all()


def test_what_kernels_are_tied_to_is_said_and_more_of_them_lose_less(seeing: Context) -> None:
    facts = [
        apply(Checkpoint(net()), ShareKernels(kernels=count), seeing).facts
        for count in (1, 5, 59)
    ]
    assert [one["kernels"] for one in facts] == [60, 60, 60]  # 6 * 2 and 8 * 6
    assert facts[0]["different_kernels_of_layers"] == 2  # the one kernel, in each layer
    errors = [one["relative_error"] for one in facts]
    assert errors == sorted(errors, reverse=True)
    found = weights(apply(Checkpoint(net()), FEW, seeing).checkpoint.model)
    before = weights(net())
    lost = sum(np.sum((found[n] - before[n]) ** 2) for n in ("c1", "c2"))
    whole = sum(np.sum(before[n] ** 2) for n in ("c1", "c2"))
    assert errors[1] == pytest.approx(np.sqrt(lost / whole), rel=1e-5)


def test_tied_kernels_stay_tied_in_training(seeing: Context) -> None:
    start = apply(Checkpoint(net()), FEW, seeing).checkpoint
    assert start.traits["c2"].codebook == np.unique(weights(start.model)["c2"]).size
    lesson = Recover(epochs=1, batch_size=20, optimizer=Adam(lr=0.01))
    trained = apply(start, lesson, seeing).checkpoint
    check_kept(start, trained)
    old, new = weights(start.model)["c2"], weights(trained.model)["c2"]
    assert not np.array_equal(old, new)
    assert different(new) == different(old)


def test_what_cannot_be_tied_is_refused_or_left_by_name(seeing: Context) -> None:
    start = Checkpoint(net())
    with pytest.raises(UnknownLayer, match="nowhere"):
        apply(start, ShareKernels(protect=("nowhere",)), seeing)
    with pytest.raises(StepImpossible, match=r"c1 \(there are at most 60 of its size\)"):
        apply(start, ShareKernels(kernels=60), seeing)
    held = Checkpoint(net(), {"c2": Trait(sparse=True, channels=8), "c1": Trait(channels=6)})
    done = apply(held, FEW, seeing)
    assert done.facts["left_alone"] == "c2 (an earlier step holds its values)"
    assert done.checkpoint.traits["c1"].channels == 6
    protected = apply(start, ShareKernels(kernels=5, protect=("c1",)), seeing)
    assert protected.facts["left_alone"] == "c1 (it is protected)"
    np.testing.assert_array_equal(weights(done.checkpoint.model)["c2"], weights(net())["c2"])
