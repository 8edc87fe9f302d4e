"""Every technique reaches its own function."""

from pathlib import Path

import onnx
import pytest

from lathe.facts import IoSpec
from lathe.techniques import TECHNIQUES, AnyStep
from worker.engine import apply as module
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome

FUNCTIONS = {
    "optimize.graph": "optimize_graph",
    "analyze.sensitivity": "analyze_sensitivity",
    "prune.channels": "prune_channels",
    "prune.neurons": "prune_neurons",
    "prune.heads": "prune_heads",
    "prune.units": "prune_units",
    "prune.embeddings": "prune_embeddings",
    "prune.blocks": "prune_blocks",
    "prune.weights": "prune_weights",
    "prune.sensing": "prune_sensing",
    "decompose.svd": "decompose_svd",
    "decompose.tucker": "decompose_tucker",
    "decompose.cp": "decompose_cp",
    "train.recover": "recover",
    "train.distill": "distill",
    "train.regularize": "regularize",
    "train.rate_distortion": "train_rate_distortion",
    "share.rate_distortion": "share_rate_distortion",
    "share.weights": "share_weights",
    "share.dictionary": "share_dictionary",
    "share.kernels": "share_kernels",
    "quantize.static": "quantize_static",
    "quantize.dynamic": "quantize_dynamic",
    "quantize.aware": "quantize_aware",
    "quantize.choose": "quantize_choose",
    "quantize.log2": "quantize_log2",
    "quantize.weights": "quantize_weights",
    "quantize.mixed": "quantize_mixed",
    "quantize.float": "quantize_float",
    "encode.entropy": "encode_entropy",
}
NEEDED = {
    "prune.channels": {"keep_macs": 0.5},
    "prune.neurons": {"keep_neurons": 0.5},
    "prune.heads": {"keep_heads": 0.5},
    "prune.units": {"keep_units": 0.5},
    "prune.embeddings": {"keep_width": 0.5},
    "prune.blocks": {"remove": 1},
    "prune.weights": {"sparsity": 0.5},
    "prune.sensing": {"error": 0.1},
    "quantize.mixed": {"keep_bytes": 0.5},
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_step_is_handed_to_the_function_of_its_technique(
    technique: type[AnyStep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = technique.model_fields["technique"].default
    reached: list[tuple[str, object, object, object]] = []
    for each in FUNCTIONS.values():

        def stand_in(*given: object, each: str = each) -> Outcome:
            reached.append((each, *given))  # type: ignore[arg-type]
            return Outcome(Checkpoint(onnx.ModelProto()))

        monkeypatch.setattr(module, each, stand_in)
    step = technique.model_validate(NEEDED.get(name, {}))
    checkpoint = Checkpoint(onnx.ModelProto())
    context = Context(io=IoSpec(inputs=(), outputs=()), folder=tmp_path)
    apply(checkpoint, step, context)
    assert reached == [(FUNCTIONS[name], checkpoint, step, context)]
