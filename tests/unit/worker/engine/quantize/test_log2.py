"""quantize.log2: what it keeps, refuses and says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.quantize import QuantizeLog2
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.encode.choose import choose
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.array import array
from worker.engine.quantize.log2 import quantize_log2
from worker.engine.run.traits import check_kept

Build = Callable[..., Checkpoint]


def single(build: Build, *rows: list[float], **traits: Trait) -> Checkpoint:
    """x W with W of these rows."""
    weight = np.array(rows, np.float32)
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])]
    doors: tuple[dict[str, list[str | int]], ...] = (
        {"x": ["n", weight.shape[0]]},
        {"y": ["n", weight.shape[1]]},
    )
    return Checkpoint(build(nodes, {"w": weight}, *doors).model, dict(traits))


def values(checkpoint: Checkpoint, name: str = "w") -> list[list[float]]:
    found: list[list[float]] = array(initializers(checkpoint.model)[name]).tolist()
    return found


def context_of(checkpoint: Checkpoint, folder: Path) -> Context:
    return Context(io_spec(checkpoint.model), folder)


def test_values_become_powers_and_the_traits_say_how_many(build: Build, tmp_path: Path) -> None:
    net = single(build, [1.1, -0.6], [0.3, 0.05], w=Trait(sparse=True, channels=2))
    outcome = quantize_log2(net, QuantizeLog2(bits=3), context_of(net, tmp_path))
    after = outcome.checkpoint
    assert values(after) == [[1, -0.5], [0.25, 0]]  # from 2^0 to 2^-2
    assert after.traits["w"] == Trait(sparse=True, channels=2, codebook=3)
    assert after.lowered
    check_kept(net, after)
    check_kept(net, replace(after, lowered=False))  # where values are looked at as well
    lost = 0.01 + 0.01 + 0.0025 + 0.0025
    energy = 1.21 + 0.36 + 0.09 + 0.0025
    assert outcome.facts["relative_error"] == pytest.approx((lost / energy) ** 0.5)
    assert (outcome.facts["zero_weights"], outcome.facts["weights_on_powers"]) == (1, 4)
    assert outcome.facts["faster_on_cpu"] is False
    assert outcome.facts["by_tensor"] == "w 2^-2 to 2^0, error 0.1226"


def test_a_tensor_of_zeros_stays_one(build: Build, tmp_path: Path) -> None:
    net = single(build, [0, 0])
    after = quantize_log2(net, QuantizeLog2(), context_of(net, tmp_path)).checkpoint
    assert values(after) == [[0, 0]]
    check_kept(net, replace(after, lowered=False))


def test_a_packed_file_holds_them_in_no_more_than_their_bits(
    build: Build, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    net = single(build, *draw.normal(size=(64, 48)).tolist())
    for bits in (3, 5):
        spec = QuantizeLog2(bits=bits)
        after = quantize_log2(net, spec, context_of(net, tmp_path)).checkpoint
        data = initializers(after.model)["w"].raw_data
        size_bytes = choose(memoryview(data), TensorProto.FLOAT, (64, 48)).size_bytes
        assert size_bytes < bits / 32 * len(data) + 16


def test_refusals(build: Build, tmp_path: Path) -> None:
    net = single(build, [1.1, -0.6])
    context = context_of(net, tmp_path)
    with pytest.raises(StepImpossible, match="all are protected"):
        quantize_log2(net, QuantizeLog2(protect=("w",)), context)
    with pytest.raises(UnknownLayer):
        quantize_log2(net, QuantizeLog2(protect=("v",)), context)
    held = single(build, [1.0, -0.5], w=Trait(multiples=Multiples((0.5,), None, 2)))
    with pytest.raises(StepImpossible, match="multiples of a step") as refused:
        quantize_log2(held, QuantizeLog2(), context)
    assert refused.value.param == "protect"
