"""analyze.sensitivity: every layer changed alone, in every way that is asked for."""

import math
import tempfile
from pathlib import Path
from typing import assert_never

import numpy as np

from lathe.report import LayerSensitivity
from lathe.techniques.analyze import AnalyzeSensitivity, AsIntegers, AsZeros
from lathe.techniques.quantize import PerBlock, QuantizeWeights, RoundToNearest
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.judge import Judge
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.prune.weights.selection import falling, of_all
from worker.engine.quantize.blocks.alone import quantized_alone
from worker.engine.quantize.blocks.chosen import Layer, chosen_layers
from worker.engine.quantize.blocks.grid import Floats, Levels
from worker.engine.quantize.require_float import require_float
from worker.engine.sensitivity.judged import divergence_from, judge_of
from worker.engine.sensitivity.trials import Loss, Trial, Trials

BLOCK = PerBlock()
NAMED = 8  # rows that the facts name


def analyze_sensitivity(
    checkpoint: Checkpoint, spec: AnalyzeSensitivity, context: Context
) -> Outcome:
    """The checkpoint as it is, with a row for each weight and change.

    Raises UnknownLayer for a protected layer that the model does not have, StepImpossible
    where the model is quantized already, no layer is left or there are no examples.
    """
    require_float(checkpoint.model)
    wanted = QuantizeWeights(embeddings=spec.embeddings, protect=spec.protect)
    model = checkpoint.private()
    chosen = chosen_layers(model, wanted)
    judged_by = judge_of(checkpoint.model, context, spec.samples)
    loss, measure = _loss(checkpoint, spec, context, judged_by)
    pace = Pace(context.progress, len(chosen) * len(spec.changes), "changes")
    found = []
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        trials = Trials(model, loss, spill)
        for layer in chosen:
            for change in spec.changes:
                trial = _tried(trials, layer, change)
                if trial is not None:
                    found.append(_row(layer, change, trial))
                pace.add(1)
    worst = sorted(found, key=lambda row: -math.inf if row.loss is None else -row.loss)
    facts: dict[str, FactValue] = {
        "loss_in": measure,
        "examples": judged_by.samples.count,
        "weights_looked_at": len(chosen),
        "most_sensitive": ", ".join(_named(row) for row in worst[:NAMED]) or None,
    }
    return Outcome(checkpoint, facts, sensitivities=tuple(found))


def _loss(
    checkpoint: Checkpoint, spec: AnalyzeSensitivity, context: Context, judged_by: Judge
) -> tuple[Loss, str]:
    """And what it is a loss of."""
    if spec.measure == "metric":
        return judged_by.drop, judged_by.metric
    divergence = divergence_from(checkpoint.model, judged_by, context)
    return divergence.of, divergence.name


def _tried(trials: Trials, layer: Layer, change: AsIntegers | AsZeros) -> Trial | None:
    rows = trials.rows(layer)
    match change:
        case AsIntegers(bits=bits):
            levels, width = Levels(bits, symmetric=False), layer.width(BLOCK, bits)
            rounded = quantized_alone(rows, levels, width, BLOCK, RoundToNearest())
            return trials.as_integers(layer, rounded)
        case AsZeros(sparsity=sparsity):
            return Trial(trials.loss_with(layer, without_least(rows, sparsity)), 0)
        case _:
            assert_never(change)


def without_least(weight: Floats, sparsity: float) -> Floats:
    """The weights (rows, columns) with zeros for the smallest magnitudes, first ones first."""
    falls = of_all(np.abs(weight), falling(sparsity, weight.size))
    return np.where(falls, np.float32(0), weight)


def _row(layer: Layer, change: AsIntegers | AsZeros, trial: Trial) -> LayerSensitivity:
    match change:
        case AsIntegers(bits=bits):
            told = f"{bits} bits"
        case AsZeros(sparsity=sparsity):
            told = f"sparsity {sparsity:g}"
    return LayerSensitivity(
        layer=layer.layer,
        weight=layer.name,
        change=told,
        loss=trial.loss if math.isfinite(trial.loss) else None,
        bytes_saved=trial.bytes_saved,
    )


def _named(row: LayerSensitivity) -> str:
    return f"{row.weight} {row.change} {'NaN' if row.loss is None else format(row.loss, '.4g')}"
