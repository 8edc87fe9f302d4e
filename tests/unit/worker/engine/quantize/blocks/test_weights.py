"""quantize.weights through onnxruntime, on a net with a weight of every form."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.quantize import (
    AdaRound,
    Gptq,
    HalfQuadratic,
    PerBlock,
    PerChannel,
    PerTensor,
    QuantizeWeights,
    RoundToNearest,
)
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait, load, save
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.intake.runtime import check_loadable
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.rewrite import rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import file_bytes
from worker.engine.quantize.blocks.alone import quantized_alone
from worker.engine.quantize.blocks.chosen import Layer, chosen_layers
from worker.engine.quantize.blocks.grid import Levels, Quantized
from worker.engine.quantize.blocks.lowering import Lowering
from worker.engine.quantize.blocks.weights import quantize_weights
from worker.engine.run.traits import check_kept

Answers = Callable[[onnx.ModelProto], NDArray[np.float32]]
GRANULARITIES = (PerTensor(), PerChannel(), PerBlock(size=16), PerBlock(size=128))
NEAREST = RoundToNearest()


def floats_of(model: onnx.ModelProto, spec: QuantizeWeights, tmp_path: Path) -> Checkpoint:
    """The float model whose weights are what the integers of `spec` stand for."""
    checkpoint = Checkpoint(model)
    copy = checkpoint.private()
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    levels = Levels(spec.bits, spec.symmetric)
    with Spill(tmp_path / "floats") as spill:
        for layer in chosen_layers(copy, spec):
            site = layer.site
            rows = site.matrices(array(constants[layer.name])).reshape(-1, layer.columns)
            width = layer.width(spec.granularity, spec.bits)
            found = quantized_alone(rows, levels, width, spec.granularity, spec.rounding)
            tensor = site.tensor(found.values.reshape(site.groups, -1, layer.columns))
            rewrite(constants[layer.name], [tensor.reshape(-1)], spill)
    return Checkpoint(copy)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_the_runtime_computes_with_what_the_integers_stand_for(
    bits: Any,
    granularity: Any,
    wide: onnx.ModelProto,
    answers: Answers,
    seeing: Context,
    tmp_path: Path,
    *,
    symmetric: bool,
) -> None:
    spec = QuantizeWeights(
        bits=bits,
        symmetric=symmetric,
        granularity=granularity,
        rounding=NEAREST,
        arithmetic="float",
    )
    outcome = quantize_weights(Checkpoint(wide), spec, seeing)
    assert outcome.facts["larger_as_integers"] is None
    assert outcome.facts["layers_quantized"] == 8
    assert [
        outcome.facts[f"tensors_{name}"]
        for name in ("in_matmul_kernels", "in_table_kernels", "widened_at_load")
    ] == [3, 1, 5]
    expected = answers(floats_of(wide, spec, tmp_path).model)
    assert answers(outcome.checkpoint.model) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_file_is_smaller_the_doors_stay_and_traits_tell_the_grid(
    wide: onnx.ModelProto, seeing: Context, tmp_path: Path
) -> None:
    spec = QuantizeWeights(bits=4, granularity=PerChannel())
    outcome = quantize_weights(Checkpoint(wide), spec, seeing)
    after = outcome.checkpoint
    assert io_spec(after.model) == io_spec(wide)
    assert after.lowered
    assert outcome.facts["bytes_after"] == file_bytes(after.model) < 0.32 * file_bytes(wide)
    assert after.traits["r"].grid == QuantizedWeights(bits=4, symmetric=False, axis=0)
    check_kept(Checkpoint(wide), after)
    check_loadable(after.model)
    onnx.checker.check_model(after.model)
    save(after, tmp_path / "state.onnx")
    assert load(tmp_path / "state.onnx").traits == after.traits


def test_int8_inputs_of_the_products_are_near_the_float_ones(
    wide: onnx.ModelProto, answers: Answers, seeing: Context
) -> None:
    spec = QuantizeWeights(bits=8, rounding=NEAREST)
    slow = quantize_weights(
        Checkpoint(wide), spec.model_copy(update={"arithmetic": "float"}), seeing
    )
    fast = quantize_weights(Checkpoint(wide), spec, seeing)
    exact, near = answers(slow.checkpoint.model), answers(fast.checkpoint.model)
    assert not np.array_equal(exact, near)
    assert np.abs(exact - near).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize(
    "rounding", [HalfQuadratic(), Gptq(), AdaRound(iterations=60)], ids=lambda r: r.method
)
def test_every_rounding_answers_better_than_the_nearest_levels(
    rounding: Any, wide: onnx.ModelProto, answers: Answers, seeing: Context
) -> None:
    def lost(one: Any) -> float:
        spec = QuantizeWeights(
            bits=3, granularity=PerBlock(size=64), rounding=one, arithmetic="float"
        )
        model = quantize_weights(Checkpoint(wide), spec, seeing).checkpoint.model
        return float(np.square(answers(model) - answers(wide)).sum())

    assert lost(rounding) < 0.95 * lost(NEAREST)


def test_rounding_by_inputs_needs_examples(wide: onnx.ModelProto, seeing: Context) -> None:
    with pytest.raises(StepImpossible, match="looks at examples") as refused:
        quantize_weights(
            Checkpoint(wide),
            QuantizeWeights(rounding=Gptq()),
            replace(seeing, calibration=None),
        )
    assert refused.value.param == "data.calibration"


@pytest.mark.parametrize("rounding", [NEAREST, Gptq(), AdaRound(iterations=5)], ids=str)
def test_zeros_of_a_mask_stay_zeros(
    rounding: Any,
    wide: onnx.ModelProto,
    seeing: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pruned = Checkpoint(wide).private()
    sparse = [t for t in pruned.graph.initializer if t.name in {"gemm", "conv", "r"}]
    zeros = {}
    for tensor in sparse:
        values = array(tensor).copy()
        values[np.random.default_rng(1).random(values.shape) < 0.4] = 0
        zeros[tensor.name] = values == 0
        tensor.raw_data = values.tobytes()
    traits = {name: Trait(sparse=True) for name in zeros}
    spec = QuantizeWeights(bits=3, rounding=rounding, granularity=PerBlock(size=16))
    put: dict[str, Quantized] = {}

    def seen(_: Lowering, layer: Layer, __: NDArray[np.float32], found: Quantized) -> None:
        put[layer.name] = found

    monkeypatch.setattr(Lowering, "put", seen)
    with pytest.raises(StepImpossible):  # nothing was put
        quantize_weights(Checkpoint(pruned, traits), spec, seeing)
    for name, zero in zeros.items():
        assert not put[name].values[zero.reshape(put[name].codes.shape)].any()


def test_protected_layers_and_tables_stay_float(wide: onnx.ModelProto, seeing: Context) -> None:
    spec = QuantizeWeights(embeddings=False, protect=("conv", "w"))
    outcome = quantize_weights(Checkpoint(wide), spec, seeing)
    names = {tensor.name for tensor in outcome.checkpoint.model.graph.initializer}
    assert {"conv", "w", "r", "table"} <= names
    assert not {"gemm", "up"} & names
    assert outcome.facts["float_layers"] == "conv, table, w"


def test_a_weight_that_would_grow_stays_float_and_is_named(
    mixed: onnx.ModelProto, seeing: Context
) -> None:
    outcome = quantize_weights(Checkpoint(mixed), QuantizeWeights(), seeing)
    assert outcome.facts["larger_as_integers"] == "conv, table"
    names = {tensor.name for tensor in outcome.checkpoint.model.graph.initializer}
    assert {"conv", "table"} <= names
    everything = ("gemm", "matmul", "w")
    with pytest.raises(StepImpossible, match="fewer bytes") as refused:
        quantize_weights(Checkpoint(mixed), QuantizeWeights(protect=everything), seeing)
    assert refused.value.param == "granularity"


def test_unknown_no_and_quantized_layers_are_refused(
    wide: onnx.ModelProto, seeing: Context
) -> None:
    with pytest.raises(UnknownLayer):
        quantize_weights(Checkpoint(wide), QuantizeWeights(protect=("gem",)), seeing)
    all_of_them = ("conv", "up", "gemm", "table", "w", "left", "matmul", "turned")
    with pytest.raises(StepImpossible, match="all are protected"):
        quantize_weights(Checkpoint(wide), QuantizeWeights(protect=all_of_them), seeing)
    once = quantize_weights(Checkpoint(wide), QuantizeWeights(), seeing).checkpoint
    with pytest.raises(StepImpossible, match="quantized already"):
        quantize_weights(once, QuantizeWeights(), seeing)


def test_values_that_were_shared_or_multiples_are_forgotten_with_their_floats(
    wide: onnx.ModelProto, seeing: Context
) -> None:
    traits = {
        "gemm": Trait(codebook=9, channels=45),
        "conv": Trait(multiples=Multiples((0.5,), None, 7)),
    }
    outcome = quantize_weights(
        Checkpoint(wide, traits), QuantizeWeights(protect=("conv",)), seeing
    )
    after = outcome.checkpoint.traits
    assert (after["gemm"].codebook, after["gemm"].channels) == (None, 45)
    assert after["conv"] == traits["conv"]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_symmetric_integers_of_kernels_need_no_zero_points(
    bits: Any, wide: onnx.ModelProto, seeing: Context
) -> None:
    spec = QuantizeWeights(bits=bits, symmetric=True, rounding=NEAREST)
    model = quantize_weights(Checkpoint(wide), spec, seeing).checkpoint.model
    names = {tensor.name for tensor in model.graph.initializer}
    kernels = {"gemm", "matmul", "turned", "table"}
    assert not {f"{name}_zero_point" for name in kernels} & names
    assert {f"{name}_scale" for name in kernels} <= names
