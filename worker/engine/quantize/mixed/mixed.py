"""quantize.mixed, from checkpoint to checkpoint."""

import math
import tempfile
from collections import Counter
from pathlib import Path

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeMixed, QuantizeWeights
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.layers import layers
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import FactValue, Outcome
from worker.engine.quantize.blocks.chosen import chosen_layers
from worker.engine.quantize.blocks.facts import block_facts
from worker.engine.quantize.blocks.weights import grid_of
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts
from worker.engine.quantize.mixed.search import Net, Search
from worker.engine.quantize.mixed.trials import path, tried_alone
from worker.engine.quantize.require_float import require_float
from worker.engine.sensitivity.judged import divergence_from, judge_of


def quantize_mixed(checkpoint: Checkpoint, spec: QuantizeMixed, context: Context) -> Outcome:
    """Put the weights of a copy of the checkpoint's model on integers of several widths.

    Raises UnknownLayer for a protected layer that the model does not have, StepImpossible
    where the model is quantized already, fits the budget as it is or nothing is left to
    quantize or to judge by, BudgetUnreachable with the best that was found.
    """
    require_float(checkpoint.model)
    limit = _limit(checkpoint, spec)
    wanted = QuantizeWeights(embeddings=spec.embeddings, protect=spec.protect)
    chosen = chosen_layers(checkpoint.model, wanted)
    judged_by = judge_of(checkpoint.model, context, spec.samples)
    divergence = divergence_from(checkpoint.model, judged_by, context)
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tried") as spill:
        tried = tried_alone(checkpoint, chosen, spec, divergence.of, context.progress, spill)
    with Spill(own / "tensors") as spill:
        search = Search(checkpoint, spec, judged_by, chosen, path(tried), spill)
        net, drop = search.within_drop() if limit is None else search.within_bytes(limit)
    before = layers(checkpoint.model)
    lowered = frozenset(one.layer for one in net.lowering.done)
    facts = lowering_facts(checkpoint, net.model, before, lowered)
    facts |= {
        "loss_in": divergence.name,
        "drop": drop,
        "judged_by": judged_by.metric,
        "judged_examples": judged_by.samples.count,
        "nets_judged": search.judged,
    }
    facts |= _widths(net) | block_facts(net.lowering.done, net.lowering.larger)
    grids = {
        one.name: grid_of(one, spec.granularity, symmetric=spec.symmetric)
        for one in net.lowering.done
    }
    return Outcome(
        lowered_checkpoint(checkpoint, net.model, grids),
        facts,
        sensitivities=tuple(row for one in tried for row in one.rows),
    )


def _limit(checkpoint: Checkpoint, spec: QuantizeMixed) -> int | None:
    """Most bytes of the file, where they are limited."""
    now = file_bytes(checkpoint.model)
    if spec.keep_bytes is not None:
        return math.floor(spec.keep_bytes * now)
    if spec.max_bytes is not None and spec.max_bytes >= now:
        raise StepImpossible(
            f"the file takes {now:,} bytes and fits already; leave the step out",
            param="max_bytes",
        )
    return spec.max_bytes


def _widths(net: Net) -> dict[str, FactValue]:
    """How many weights have each width."""
    widths = Counter(one.bits for one in net.lowering.done)
    return {f"tensors_of_{bits}_bits": count for bits, count in sorted(widths.items())}
