"""The canonical form: every rewriting is kept only if the model still answers the same.

The order: format in order, float16 made float32, fused operators of onnxruntime written out,
opset 18, constants folded and branches that are always taken written out, batch freed, shapes
fixed. A stage that fails the fidelity gate is dropped and leaves a finding; the others still
apply.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import onnx

from lathe.facts import Finding
from worker.engine.intake.batch_axis import free_batch, has_free_batch, literal_batch
from worker.engine.intake.control_flow import flatten_control_flow
from worker.engine.intake.dead import remove_dead
from worker.engine.intake.fold import fold_constants
from worker.engine.intake.identities import remove_identities
from worker.engine.intake.merged_transposes import unmerge_transposes
from worker.engine.intake.opset import OPSET, converted, opset_of
from worker.engine.intake.reshapes import fix_shapes, reform
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.intake.tidy import tidy
from worker.engine.intake.trial import Trial
from worker.engine.intake.unfuse import unfuse
from worker.engine.intake.widen import holds_half, widened
from worker.engine.intake.zero_states import drop_zero_states
from worker.engine.onnx_file.spill import Spill

HALF_PRECISION = 20.0  # gates, 2 % of the largest answer: what float16 loses in a deep net
BatchAxis = Literal["symbolic", "made_symbolic", "fixed"]
Pass = Callable[[onnx.ModelProto], None]


@dataclass(slots=True)
class Canonical:
    """The model in canonical form and what had to be said about it."""

    model: onnx.ModelProto
    batch_axis: BatchAxis
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: str, severity: Literal["info", "warning"], message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(code=code, severity=severity, message=message))


def canonicalise(upload: onnx.ModelProto, spill: Spill) -> Canonical:
    """Bring a tidy, loadable model into canonical form; `upload` itself is not changed.

    Large constants that are computed on the way go to `spill`.
    """
    trial = Trial(upload)
    free = has_free_batch(trial.io)
    canonical = Canonical(upload, "symbolic" if free else "fixed")
    if not trial.sizes:
        canonical.find(
            "not_tried",
            "warning",
            f"the model could not be run on random inputs ({trial.why_not}), so it is kept as "
            "uploaded",
        )
        return canonical
    if not trial.repeats:
        canonical.find(
            "not_deterministic",
            "warning",
            "the model answers differently to the same input (a Dropout in training mode?), so "
            "it is kept as uploaded; export it in evaluation mode: model.eval()",
        )
        return canonical
    if holds_half(upload):
        trial = _widen(canonical, trial, spill)
    _keep_if_faithful(canonical, trial, (unfuse,), "still_fused")
    _convert_opset(canonical, trial)
    clean = partial(_clean, spill=spill)
    _keep_if_faithful(canonical, trial, (clean,), "not_simplified")
    if not free:
        _free_batch(canonical, trial)
        if canonical.batch_axis == "made_symbolic":
            trial = Trial(canonical.model)
    passes: tuple[Pass, ...] = (
        partial(fix_shapes, trial=trial),
        partial(unmerge_transposes, trial=trial),
        partial(reform, trial=trial),
        clean,
    )
    _keep_if_faithful(canonical, trial, passes, "shapes_not_fixed")
    return canonical


def _widen(canonical: Canonical, trial: Trial, spill: Spill) -> Trial:
    """Compute in float32; the trial of the model as it is then."""
    wide = widened(canonical.model, spill)
    tidy(wide)
    if not trial.keeps(wide, within=HALF_PRECISION):
        return trial
    canonical.model = wide
    canonical.find(
        "widened",
        "warning",
        "the weights are float16 and become float32 inside, so that every technique can run; "
        "sizes and times are compared with those of the float32 file, so compare bytes with "
        "your own file, and end the pipeline with quantize.float to have float16 again",
    )
    return Trial(wide)


def _clean(model: onnx.ModelProto, spill: Spill) -> None:
    remove_identities(model)
    fold_constants(model, spill)
    while flatten_control_flow(model):
        remove_identities(model)
        fold_constants(model, spill)
    drop_zero_states(model)
    remove_dead(model)


def _convert_opset(canonical: Canonical, trial: Trial) -> None:
    opset = opset_of(canonical.model)
    if opset >= OPSET:
        return
    newer = converted(canonical.model)
    if newer is None:
        canonical.find(
            "opset_kept",
            "warning",
            f"the model stays at opset {opset}: onnx cannot convert one of its operators to "
            f"{OPSET}; export it at opset 18 or newer for every technique",
        )
        return
    tidy(newer)
    if trial.keeps(newer):
        canonical.model = newer
        canonical.find("opset_converted", "info", f"converted from opset {opset} to {OPSET}")
    else:
        canonical.find(
            "opset_kept",
            "warning",
            f"the model stays at opset {opset}: converted to {OPSET} it answers differently",
        )


def _keep_if_faithful(
    canonical: Canonical, trial: Trial, passes: tuple[Pass, ...], code: str
) -> None:
    """Apply the passes to a copy and take it if it passes the gate."""
    candidate = onnx.ModelProto()
    candidate.CopyFrom(canonical.model)
    try:
        for apply in passes:
            apply(candidate)
        kept = candidate == canonical.model or trial.keeps(candidate)
    except LOAD_ERRORS:
        kept = False
    if kept:
        tidy(candidate)
        canonical.model = candidate
    else:
        canonical.find(
            code,
            "warning",
            "a rewriting was dropped, because with it the model fails or answers differently",
        )


def _free_batch(canonical: Canonical, trial: Trial) -> None:
    batch = literal_batch(trial.io)
    if batch is None:
        canonical.find(
            "batch_fixed", "warning", "the inputs do not share one leading axis as their batch"
        )
        return
    candidate = onnx.ModelProto()
    candidate.CopyFrom(canonical.model)
    if free_batch(candidate, trial, batch):
        canonical.model, canonical.batch_axis = candidate, "made_symbolic"
        canonical.find(
            "batch_made_symbolic",
            "info",
            f"the batch was fixed at {batch}; it is free inside and fixed again in results",
        )
    else:
        canonical.find(
            "batch_fixed",
            "warning",
            f"the batch stays fixed at {batch}: with a free one the model answers differently",
        )
