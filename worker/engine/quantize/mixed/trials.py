"""What every width of a layer saves and loses, and the order in which that is worth it.

    min sum_l loss_l(b_l)  subject to  sum_l bytes_l(b_l) <= max_bytes,  b_l among widths, float

    loss_l(b)   divergence of the whole net's answers with layer l alone at b bits
    bytes_l(b)  of the ONNX file

As in HAWQ (Dong et al., arXiv:1905.03696) a sensitivity of each layer orders them, but it is
measured, not taken from a Hessian. The offers of a layer that are worth it are the lower
convex hull of (bytes, loss); all hulls' steps are taken in the order of loss per byte (Shoham
and Gersho, "Efficient Bit Allocation for an Arbitrary Set of Quantizers", 1988), which is best
among the hull points that take as much. That losses add up is an assumption, so `search`
judges the nets themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lathe.errors import StepImpossible
from lathe.report import LayerSensitivity
from lathe.techniques.quantize import QuantizeMixed
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Report
from worker.engine.decompose.allocate import Offers, steps_by_slope
from worker.engine.onnx_file.spill import Spill
from worker.engine.pace import Pace
from worker.engine.quantize.blocks.alone import quantized_alone
from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.blocks.grid import Floats, Levels, Quantized
from worker.engine.sensitivity.trials import Loss, Trial, Trials

Choice = tuple[int | None, ...]  # bits of each layer, None for floats
TRIED = 0.8  # part of the step after which every layer was tried


@dataclass(frozen=True, slots=True)
class Tried:
    """What each width does to one layer alone; widths that save nothing are not there."""

    layer: Layer
    by_bits: dict[int, Trial]

    @property
    def offers(self) -> Offers:
        """In bytes that are saved less than by the smallest, in the order of `by_bits`."""
        saved = np.array([trial.bytes_saved for trial in self.by_bits.values()], np.int64)
        losses = np.array([trial.loss for trial in self.by_bits.values()], np.float64)
        full = int(saved.max(initial=0)) + 1
        return Offers(full, full - saved, losses)

    @property
    def rows(self) -> tuple[LayerSensitivity, ...]:
        """For the report."""
        layer = self.layer
        return tuple(
            LayerSensitivity(
                layer=layer.layer,
                weight=layer.name,
                change=f"{bits} bits",
                loss=trial.loss,
                bytes_saved=trial.bytes_saved,
            )
            for bits, trial in self.by_bits.items()
        )


def tried_alone(
    checkpoint: Checkpoint,
    chosen: Sequence[Layer],
    spec: QuantizeMixed,
    loss: Loss,
    progress: Report,
    spill: Spill,
) -> list[Tried]:
    """Every layer alone at every width, those that save nothing or answer NaN left out."""
    trials = Trials(checkpoint.private(), loss, spill)
    pace = Pace(progress, len(chosen) * len(spec.bits), "trials", last=TRIED)
    found = []
    for layer in chosen:
        rows, by_bits = trials.rows(layer), dict[int, Trial]()
        for bits in spec.bits:
            trial = trials.as_integers(layer, rounded_to(layer, rows, bits, spec))
            if trial is not None and math.isfinite(trial.loss):
                by_bits[bits] = trial
            pace.add(1)
        found.append(Tried(layer, by_bits))
    if not any(one.by_bits for one in found):
        raise StepImpossible(
            "no weight takes fewer bytes as integers with their scales; ask for fewer bits or "
            "larger blocks",
            param="bits",
        )
    return found


def path(tried: Sequence[Tried]) -> list[Choice]:
    """All choices from floats on, each one step of a layer's hull further."""
    choice: list[int | None] = [None] * len(tried)
    choices = [tuple(choice)]
    for step in steps_by_slope([one.offers for one in tried]):
        choice[step.layer] = list(tried[step.layer].by_bits)[step.offer]
        choices.append(tuple(choice))
    return choices


def rounded_to(layer: Layer, rows: Floats, bits: int, spec: QuantizeMixed) -> Quantized:
    """A weight (rows, columns) on the grid that the step asks for."""
    levels, width = Levels(bits, spec.symmetric), layer.width(spec.granularity, bits)
    return quantized_alone(rows, levels, width, spec.granularity, spec.rounding)
