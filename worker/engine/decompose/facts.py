"""What a decomposition says about itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.checkpoint import Checkpoint
from worker.engine.decompose.choose import Chosen
from worker.engine.decompose.given import shown
from worker.engine.decompose.layer import Left
from worker.engine.outcome import FactValue
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.facts import named, what_is_left

NAMED = 24  # layers that the facts name one by one


@dataclass(frozen=True, slots=True)
class Replaced:
    """A layer that became `factors` ones, which keep the fraction `energy` of it."""

    chosen: Chosen
    factors: int
    energy: float


def decomposition_facts(
    before: Checkpoint, done: Checkpoint, replaced: Sequence[Replaced], left: Sequence[Left]
) -> dict[str, FactValue]:
    """Totals are counted on the ONNX graphs; a relative error is |w - w'| / |w|."""
    lines = [_line(one) for one in replaced]
    more = f" and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
    return {
        **what_is_left(before, done),
        "layers_decomposed": len(replaced),
        "least_energy_kept": min(one.energy for one in replaced),
        "mean_energy_kept": sum(one.energy for one in replaced) / len(replaced),
        "by_layer": "; ".join(lines[:NAMED]) + more,
        "layers_left": len(left),
        "left": named([LeftAlone(one.name, one.reason) for one in left]) or None,
    }


def _line(one: Replaced) -> str:
    layer, chosen = one.chosen.layer, one.chosen
    macs = "" if layer.macs is None else f", MACs {layer.macs} to {chosen.macs}"
    return (
        f"{layer.name} rank {shown(chosen.rank)} in {one.factors} layers, energy "
        f"{one.energy:.4f}, error {math.sqrt(max(1 - one.energy, 0)):.4f}, parameters "
        f"{layer.parameters} to {chosen.parameters}{macs}"
    )
