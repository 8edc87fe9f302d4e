"""quantize.choose: try the ways to 8-bit integers, judge and time them, keep the best or none.

Judged is on held-out train labels, else by the answers of the floats on calibration examples
that no range was taken from; never on the examples of the job's evaluation. Timed is run by run
in turns beside the floats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import assert_never

import numpy as np

from lathe.errors import StepImpossible
from lathe.techniques.quantize import (
    QuantizeChoose,
    QuantizeDynamic,
    QuantizeStatic,
    QuantizeWeights,
)
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint, load, save
from worker.engine.context import Context, silent
from worker.engine.judge import Judge
from worker.engine.measure.locks import TimingLock
from worker.engine.measure.timing import time_files
from worker.engine.onnx_file.write import file_bytes, write_model
from worker.engine.outcome import FactValue, Outcome
from worker.engine.quantize.blocks.weights import quantize_weights
from worker.engine.quantize.dynamic import quantize_dynamic
from worker.engine.quantize.judge_apart import judge_apart
from worker.engine.quantize.nodes import excluded_layers
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.quantize.variants import Variant, variants
from worker.engine.run.examples import example_inputs

FASTER_AT = 0.97  # of the floats' time: below is more than two copies of one file may differ by
SMALLER_AT = 0.99
FLOATS = "float"


@dataclass(frozen=True, slots=True)
class Tried:
    """One way that worked. `drop` is None where nobody could judge; `time` is in floats'."""

    name: str
    outcome: Outcome
    size_bytes: int
    drop: float | None
    time: float = math.nan


def quantize_choose(checkpoint: Checkpoint, spec: QuantizeChoose, context: Context) -> Outcome:
    """The best variant's checkpoint, or the floats as they are where none is better.

    Raises StepImpossible where the model is quantized already, or where no variant could be
    made, with every reason.
    """
    require_float(checkpoint.model)
    judged_by, context = judge_apart(checkpoint, context)
    folder = Path(mkdtemp(dir=context.folder))  # the chosen one's file is mapped from here on
    tried, refused = _tried(checkpoint, spec, context, judged_by, folder)
    if not tried:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise StepImpossible(f"no way to 8-bit integers works on this model: {reasons}")
    floats = write_model(checkpoint.model, _file(folder, FLOATS))
    tried = _timed(checkpoint, spec, context, folder, tried)
    best = chosen(tried, spec, floats)
    for name in (FLOATS, *(one.name for one in tried if one is not best)):
        _file(folder, name).unlink()
    facts = _facts(tried, refused, best, spec, floats)
    facts |= {"judged_by": judged_by.metric if judged_by else None}
    if best is None:
        return Outcome(checkpoint, facts)
    return Outcome(best.outcome.checkpoint, {**facts, **best.outcome.facts})


def chosen(tried: Sequence[Tried], spec: QuantizeChoose, floats: int) -> Tried | None:
    """The fastest, or smallest, that loses no more than is allowed; None for the floats."""
    kept = [one for one in tried if one.drop is None or one.drop <= spec.max_drop]
    if spec.objective == "size":
        kept = [one for one in kept if one.size_bytes <= SMALLER_AT * floats]
        return min(kept, key=lambda one: (one.size_bytes, one.time), default=None)
    kept = [one for one in kept if one.time <= FASTER_AT]
    return min(kept, key=lambda one: one.time, default=None)


def _tried(
    checkpoint: Checkpoint,
    spec: QuantizeChoose,
    context: Context,
    judged_by: Judge | None,
    folder: Path,
) -> tuple[list[Tried], dict[str, str]]:
    """What worked, its file in `folder`, and why the rest did not."""
    excluded = excluded_layers(checkpoint.model, spec.exclude)
    calibrated = context.calibration is not None
    offered = list(variants(checkpoint.model, excluded, calibrated=calibrated))
    tried, refused = [], {}
    for place, (name, step) in enumerate(offered):
        context.progress(Progress(fraction=0.9 * place / len(offered), message=name))
        try:
            outcome = _lowered(checkpoint, step, replace(context, progress=silent))
        except StepImpossible as impossible:
            refused[name] = impossible.detail
            continue
        drop = judged_by.drop(outcome.checkpoint.model) if judged_by else None
        save(outcome.checkpoint, _file(folder, name))
        outcome = replace(outcome, checkpoint=load(_file(folder, name)))
        tried.append(Tried(name, outcome, file_bytes(outcome.checkpoint.model), drop))
    return tried, refused


def _file(folder: Path, name: str) -> Path:
    """Where one way's network lies, so that memory never holds more than one of them."""
    return folder / f"{name}.onnx"


def _lowered(checkpoint: Checkpoint, step: Variant, context: Context) -> Outcome:
    match step:
        case QuantizeStatic():
            return quantize_static(checkpoint, step, context)
        case QuantizeDynamic():
            return quantize_dynamic(checkpoint, step, context)
        case QuantizeWeights():
            return quantize_weights(checkpoint, step, context)
        case _:
            assert_never(step)


def _timed(
    checkpoint: Checkpoint,
    spec: QuantizeChoose,
    context: Context,
    folder: Path,
    tried: Sequence[Tried],
) -> list[Tried]:
    """With the median of the ratios to the floats, run by run."""
    inputs = example_inputs(
        checkpoint.model, context.calibration or context.train, spec.batch_size, seed=0
    )
    names = [FLOATS, *(one.name for one in tried)]
    costs = time_files(
        {name: _file(folder, name) for name in names},
        {spec.batch_size: inputs},
        runs=spec.runs,
        threads=spec.threads,
        lock=TimingLock(),  # the step holds the host's lock shared, so its own work goes on
    )
    latency = {name: np.array(costs[name][0].samples) for name in names}
    return [
        replace(one, time=float(np.median(latency[one.name] / latency[FLOATS])))
        for one in tried
    ]


def _facts(
    tried: Sequence[Tried],
    refused: dict[str, str],
    best: Tried | None,
    spec: QuantizeChoose,
    floats: int,
) -> dict[str, FactValue]:
    return {
        "chosen": best.name if best else "keep float",
        "why": _why(tried, best, spec, floats),
        "objective": spec.objective,
        "max_drop": spec.max_drop,
        "tried": "; ".join(_row(one, floats) for one in tried),
        "refused": "; ".join(f"{name}: {why}" for name, why in refused.items()) or None,
    }


def _row(one: Tried, floats: int) -> str:
    lost = "not judged" if one.drop is None else f"{one.drop:.5f} lost"
    faster, smaller = 1 / one.time, floats / one.size_bytes
    return f"{one.name}: {faster:.2f}x faster, {smaller:.2f}x smaller, {lost}"


def _why(tried: Sequence[Tried], best: Tried | None, spec: QuantizeChoose, floats: int) -> str:
    if best is not None:
        aim = "fastest" if spec.objective == "latency" else "smallest"
        return f"the {aim} of those that lose at most {spec.max_drop:g}"
    kept = [one for one in tried if one.drop is None or one.drop <= spec.max_drop]
    if not kept:
        least = min(tried, key=lambda one: math.inf if one.drop is None else one.drop)
        return f"every one loses more than {spec.max_drop:g}; {_row(least, floats)} loses least"
    smallest = min(kept, key=lambda one: one.size_bytes)
    if spec.objective == "size":
        return f"none is smaller; {_row(smallest, floats)}"
    return (
        f"none is faster than the floats on this machine; for its size take objective size: "
        f"{_row(smallest, floats)}"
    )
