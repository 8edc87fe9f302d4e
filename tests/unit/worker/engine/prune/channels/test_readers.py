"""Layers that read fewer channels are fitted anew, through onnxruntime."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.helper import make_node
from pydantic import ValidationError

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneChannels
from tests.unit.worker.engine.prune.channels.test_criteria import Around, Build, Pictures
from tests.unit.worker.engine.prune.reading import arrays
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.prune.channels.budget import Costs, Term
from worker.engine.prune.channels.prune import prune_channels
from worker.engine.prune.channels.readers import losses_without
from worker.engine.prune.coupling import Group, Member
from worker.engine.view import torch_view

X = np.abs(np.random.default_rng(3).normal(size=(64, 1, 2, 2))).astype(np.float32)
NODES = [
    make_node("Conv", ["x", "a"], ["h"]),
    make_node("Relu", ["h"], ["r"]),
    make_node("Conv", ["r", "b"], ["y"]),
]


@pytest.fixture
def alike(net: Build) -> onnx.ModelProto:
    """Of four channels, with 1 x, 9 x, 2 x and 3 x for x > 0, any three can go."""
    a = np.float32([1, 9, 2, 3]).reshape(4, 1, 1, 1)
    b = np.float32([[5, 1, -2, 4], [0, -1, 3, 1]]).reshape(2, 4, 1, 1)
    return net(NODES, [1, 2, 2], [2, 2, 2], a=a, b=b)


@pytest.fixture
def around(context: Around, alike: onnx.ModelProto) -> Context:
    return replace(context(alike), calibration=Pictures(X))


def asked(**fields: object) -> PruneChannels:
    return PruneChannels.model_validate({"keep_parameters": 0.26, **fields})


@pytest.mark.parametrize("criterion", ["reconstruction", "l2"])
def test_what_the_readers_can_make_good_is_not_lost(
    alike: onnx.ModelProto, around: Context, criterion: str
) -> None:
    spec = asked(criterion=criterion, refit=criterion == "l2")
    outcome = prune_channels(Checkpoint(alike), spec, around)
    left = arrays(outcome.checkpoint.model)
    assert (left["a"].size, left["b"].size) == (1, 2)
    assert outcome.facts["layers_fitted_anew"] == 1
    # (5 + 9 - 4 + 12) x and (0 - 9 + 6 + 3) x, but for the ridge, which is a tenth
    made = left["b"].ravel() * left["a"].ravel()
    assert made == pytest.approx([22, 0], abs=2)


def test_without_a_fit_the_readers_keep_their_weights(
    alike: onnx.ModelProto, around: Context
) -> None:
    outcome = prune_channels(Checkpoint(alike), asked(), around)
    assert "layers_fitted_anew" not in outcome.facts
    assert arrays(outcome.checkpoint.model)["b"].ravel().tolist() == [1, -1]


def test_a_reader_that_an_earlier_step_holds_keeps_its_weights(
    alike: onnx.ModelProto, around: Context
) -> None:
    held = Checkpoint(alike, traits={"b": Trait(sparse=True)})
    outcome = prune_channels(held, asked(criterion="reconstruction"), around)
    assert outcome.facts["layers_fitted_anew"] == 0
    original = arrays(alike)["b"].reshape(2, 4).T.tolist()
    assert arrays(outcome.checkpoint.model)["b"].ravel().tolist() in original


def test_a_loss_counts_for_what_the_unit_saves(net: Build, context: Around) -> None:
    """Both layers have a channel that brings a tenth of the other; one of `a` saves 50, one
    of `b` 5."""
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Relu", ["h"], ["r"]),
        make_node("Conv", ["r", "b"], ["g"]),
        make_node("Relu", ["g"], ["t"]),
        make_node("Conv", ["t", "c"], ["y"]),
    ]
    eye = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    small = eye * np.float32([1, 0.1]).reshape(2, 1, 1, 1)
    model = net(nodes, [2, 2, 2], [2, 2, 2], a=small, b=eye, c=eye)
    x = np.random.default_rng(5).exponential(size=(64, 2, 2, 2)).astype(np.float32)
    view, two = torch_view(model), np.arange(2)
    path = view.layers
    groups = [
        Group(2, (Member(path["a"], "out", two), Member(path["b"], "in", two))),
        Group(2, (Member(path["b"], "out", two), Member(path["c"], "in", two))),
    ]
    costs = Costs(110, (Term(100, ((path["a"], "out"),)), Term(10, ((path["b"], "out"),))))
    around = replace(context(model), calibration=Pictures(x))
    wide, thin = losses_without(Checkpoint(model), view, groups, costs, around)
    assert thin == pytest.approx(10 * wide)
    assert wide[1] * 50 == pytest.approx(0.01, rel=0.7)  # of the energy, less what x0 tells
    assert wide[0] >= wide[1] > 0


def test_channels_that_only_other_layers_read_are_left_and_alone_refused(
    net: Build, context: Around
) -> None:
    nodes = [
        make_node("Conv", ["x", "a"], ["h"]),
        make_node("Relu", ["h"], ["r"]),
        make_node("ConvTranspose", ["r", "b"], ["y"]),
    ]
    model = net(nodes, [1, 2, 2], [1, 2, 2], a=(3, 1, 1, 1), b=(3, 1, 1, 1))
    around = replace(context(model), calibration=Pictures(X))
    with pytest.raises(
        StepImpossible, match=r"reconstruction: a \(the inputs of what reads it"
    ):
        prune_channels(
            Checkpoint(model),
            PruneChannels(keep_parameters=0.5, criterion="reconstruction"),
            around,
        )


def test_it_needs_inputs_and_foresees_all_rounds(
    alike: onnx.ModelProto, context: Around
) -> None:
    for spec in (asked(criterion="reconstruction"), asked(refit=True)):
        with pytest.raises(StepImpossible, match=r"give data\.calibration"):
            prune_channels(Checkpoint(alike), spec, context(alike))
        assert spec.looks_at == {"inputs"}
    assert asked().looks_at == frozenset()
    with pytest.raises(ValidationError, match="foresees all removals at once"):
        asked(criterion="reconstruction", rounds=2)
