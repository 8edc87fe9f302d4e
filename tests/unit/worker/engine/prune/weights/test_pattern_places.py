"""Blocks of the file found again in the parameters of the view."""

from collections.abc import Callable

import onnx
import pytest

from lathe.errors import StepImpossible
from lathe.techniques.prune import Pattern
from worker.engine.layerwise.site import sites
from worker.engine.prune.weights import pattern_places
from worker.engine.prune.weights.pattern_places import blocks_of
from worker.engine.view import torch_view


def test_a_block_lies_along_the_inputs_of_torch_s_layers_too(
    every_layer: Callable[..., onnx.ModelProto],
) -> None:
    model = every_layer()
    view, there = torch_view(model), {site.name: site for site in sites(model)}
    found = blocks_of(view, there["m"], Pattern(keep=1, of=3))  # (6, 5) in the file
    rows = found.places // 6  # (5, 6) in the module
    assert sorted(found.places.reshape(-1).tolist()) == list(range(30))
    assert (rows == rows[:, :1]).all()
    assert (found.places % 3).tolist() == [[0, 1, 2]] * 10
    assert found.keep == 1
    found = blocks_of(view, there["w"], Pattern(keep=1, of=2))  # both directions, gates moved
    assert sorted(found.places.reshape(-1).tolist()) == list(range(96))
    assert (found.places % 2).tolist() == [[0, 1]] * 48


def test_more_blocks_than_can_be_told_apart_are_refused(
    every_layer: Callable[..., onnx.ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = every_layer()
    (site,) = (site for site in sites(model) if site.name == "m")
    monkeypatch.setattr(pattern_places, "MOST_BLOCKS", 9)
    with pytest.raises(StepImpossible, match="'m' has more than 9 blocks"):
        blocks_of(torch_view(model), site, Pattern(keep=1, of=3))
