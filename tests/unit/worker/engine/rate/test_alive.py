"""The watch over a network that is losing its weights."""

import numpy as np
import onnx
import pytest
import torch

from lathe.errors import TrainingDiverged
from worker.engine.graph.initializers import initializers
from worker.engine.rate.alive import EVERY, Alive
from worker.engine.view import torch_view


def inputs(examples: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {"x": torch.randn(examples, 6, generator=draw)}


def test_one_answer_for_every_example_is_said(untrained: onnx.ModelProto) -> None:
    weight = initializers(untrained)["b"]
    weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros((16, 3), np.float32), "b"))
    alive = Alive(torch_view(untrained), 0.25)
    for _ in range(EVERY - 1):
        alive.forward(inputs(4))
    with pytest.raises(TrainingDiverged, match=r"at a rate of 0\.25"):
        alive.forward(inputs(4))


def test_different_answers_and_a_lone_example_are_nothing_to_say(
    untrained: onnx.ModelProto,
) -> None:
    alive = Alive(torch_view(untrained), 0.25)
    for _ in range(2 * EVERY):
        alive.forward(inputs(4))
    weight = initializers(untrained)["b"]
    weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros((16, 3), np.float32), "b"))
    dead = Alive(torch_view(untrained), 0.25)
    for _ in range(EVERY):
        dead.forward(inputs(1))
