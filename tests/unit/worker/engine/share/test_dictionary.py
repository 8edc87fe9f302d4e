"""share.dictionary from checkpoint to checkpoint."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.share import ShareDictionary
from lathe.techniques.train import Adam, Recover
from tests.unit.worker.engine.decompose.conftest import mixed, mixed_inputs, seeing
from tests.unit.worker.engine.decompose.images import close, net, put
from tests.unit.worker.engine.decompose.lone import Floats, some, weights
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context
from worker.engine.graph.macs import macs
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

__all__ = ["mixed", "mixed_inputs", "seeing"]

SPEC = ShareDictionary(keep_nonzero=0.6, min_energy=0)


def product(found: dict[str, Floats], name: str) -> Floats:
    """The weight that the two layers of `name` stand for, as the file would hold it."""
    first, second = found[f"{name}.factor1"], found[name]
    if first.ndim == 4:
        whole = second.reshape(len(second), -1) @ first.reshape(len(first), -1)
        return whole.reshape(-1, *first.shape[1:])
    return second @ first if name == "g" else first @ second


def test_two_layers_compute_the_weights_that_atoms_and_codes_stand_for(
    seeing: Context,
) -> None:
    done = apply(Checkpoint(net()), SPEC, seeing)
    found = weights(done.checkpoint.model)
    stood_for = net()
    for name in ("c1", "c2", "g", "m"):
        put(stood_for, name, product(found, name))
    assert close(done.checkpoint.model, stood_for, {"x": some(5, 2, 8, 6)})
    assert (macs(done.checkpoint.model) or 0) < (macs(net()) or 0)
    assert done.facts["layers_coded"] == 4


def test_the_codes_are_the_longer_side_and_sparse_from_then_on(seeing: Context) -> None:
    done = apply(Checkpoint(net()), SPEC, seeing)
    found = weights(done.checkpoint.model)
    # c1 (6, 18), c2 (8, 54) and m (2, 10) add up more than they have outputs; g is (10, 8)
    codes = {"c1.factor1", "c2.factor1", "m.factor1", "g"}
    assert done.checkpoint.traits == dict.fromkeys(codes, Trait(sparse=True))
    numbers = sum(np.count_nonzero(found[n]) for c in codes for n in _both(c))
    whole = sum(weights(net())[name].size for name in ("c1", "c2", "g", "m"))
    assert done.facts["nonzero_left"] == pytest.approx(numbers / whole)
    assert numbers <= 0.6 * whole
    assert np.count_nonzero(found["c2.factor1"]) < 0.8 * found["c2.factor1"].size


def _both(codes: str) -> tuple[str, str]:
    name = codes.removesuffix(".factor1")
    return name, f"{name}.factor1"


def test_more_numbers_keep_more_of_the_weights(seeing: Context) -> None:
    energies = [
        apply(Checkpoint(net()), SPEC.model_copy(update={"keep_nonzero": keep}), seeing).facts[
            "mean_energy_kept"
        ]
        for keep in (0.3, 0.6, 0.9)
    ]
    assert energies == sorted(energies)
    assert energies[0] != energies[2]


def test_zeros_of_the_codes_stay_in_training(seeing: Context) -> None:
    coded = apply(Checkpoint(net()), SPEC, seeing).checkpoint
    lesson = Recover(epochs=1, batch_size=20, optimizer=Adam(lr=0.01))
    trained = apply(coded, lesson, seeing).checkpoint
    check_kept(coded, trained)
    old, new = weights(coded.model)["c2.factor1"], weights(trained.model)["c2.factor1"]
    np.testing.assert_array_equal(new == 0, old == 0)
    assert not np.array_equal(new, old)


def test_layers_of_every_kind_are_replaced_or_said_to_be_left(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, learning: Context
) -> None:
    done = apply(Checkpoint(mixed), SPEC, learning)
    left = str(done.facts["left"])
    assert "conv (it convolves in groups)" in left
    assert "w (LSTM is not decomposed)" in left
    found = weights(done.checkpoint.model)
    assert {"gemm.factor1", "matmul.factor1"} <= found.keys()
    before, after = (
        run(open_session(model), mixed_inputs)["y"] for model in (mixed, done.checkpoint.model)
    )
    assert after.shape == before.shape
    assert np.isfinite(after).all()


def test_what_cannot_be_coded_is_refused_or_left_by_name(seeing: Context) -> None:
    start = Checkpoint(net())
    with pytest.raises(UnknownLayer, match="nowhere"):
        apply(start, ShareDictionary(protect=("nowhere",)), seeing)
    with pytest.raises(StepImpossible, match=r"c1 \(it is protected\)"):
        apply(start, ShareDictionary(protect=("c1", "c2", "g", "m")), seeing)
    with pytest.raises(StepImpossible, match="of its energy would be kept"):
        apply(start, SPEC.model_copy(update={"min_energy": 0.9999}), seeing)
    held = replace(start, traits={"g": Trait(codebook=4), "c1": Trait(sparse=True)})
    done = apply(held, SPEC, seeing)
    assert "g (its weights share values since an earlier step)" in str(done.facts["left"])
    np.testing.assert_array_equal(weights(done.checkpoint.model)["c1"], weights(net())["c1"])
