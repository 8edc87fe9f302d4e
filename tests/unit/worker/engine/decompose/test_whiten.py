"""What is lost where outputs are looked at."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from lathe.errors import StepImpossible
from tests.unit.worker.engine.decompose.images import Images, given, net
from tests.unit.worker.engine.decompose.lone import some, weights
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.session import open_session, run


def test_outputs_are_lost_least_where_they_are_looked_at(seeing: Context) -> None:
    before = Checkpoint(net())
    spec = given(3, protect=["c1", "m"], kernels="channels")
    plain = apply(before, spec, seeing)
    whitened = apply(before, spec.model_copy(update={"whiten": True}), seeing)
    assert (plain.facts["inputs_looked_at"], whitened.facts["inputs_looked_at"]) == (
        False,
        True,
    )
    images = {"x": Images().images}
    wanted, blind, seen = (
        run(open_session(one), images)["y"]
        for one in (before.model, plain.checkpoint.model, whitened.checkpoint.model)
    )
    assert np.square(seen - wanted).sum() < 0.6 * np.square(blind - wanted).sum()
    unseen = replace(seeing, train=None, calibration=None)
    with pytest.raises(StepImpossible, match=r"give data\.calibration"):
        apply(before, given(3, whiten=True), unseen)


def test_every_kind_of_layer_is_looked_at(mixed: onnx.ModelProto, learning: Context) -> None:
    class Both:
        count, has_labels = 40, False

        def inputs(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Arrays:
            draw = np.random.default_rng(0)
            words = draw.integers(0, 11, (len(rows), 4))
            return {"image": some(len(rows), 2, 6, 5), "words": words}

        def labels(
            self, rows: np.ndarray[Any, np.dtype[np.int64]]
        ) -> np.ndarray[Any, np.dtype[np.generic]]:
            raise AssertionError

    context = replace(learning, calibration=Both())
    spec = given(2, whiten=True)
    outcome = apply(Checkpoint(mixed), spec, context)
    assert outcome.facts["layers_decomposed"] == 2
    there = weights(outcome.checkpoint.model)
    assert (there["gemm.factor1"].shape, there["matmul.factor1"].shape) == ((2, 64), (48, 2))
    again = apply(Checkpoint(mixed), spec, context).checkpoint
    assert again.model == outcome.checkpoint.model
