"""share.rate_distortion without training: every weight coded once, by a few inputs or none.

With examples, labelled or not: steps by what the outputs feel of a layer (sensitivity.py,
steps.py), codes with error feedback on the inputs of the net coded so far (sweep.py).
Without any: steps from the weights' spread and the nearest codes.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from lathe.techniques.rate import RateTarget, ShareRateDistortion
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.encode.pack import pack
from worker.engine.judge import Some
from worker.engine.layerwise.calibration import as_many_as_fit, batched
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.stages import Stages
from worker.engine.onnx_file.write import write_model
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.progress import part_of
from worker.engine.rate.post.coded_net import CodedNet, zeroed
from worker.engine.rate.post.net import Net, net_of
from worker.engine.rate.post.parted import judge_and_examples
from worker.engine.rate.post.search import MOST_SWEEPS, Attempt, search
from worker.engine.rate.post.sensitivity import BATCHES, sensitivities
from worker.engine.rate.post.sweep import from_weights, with_feedback
from worker.engine.run.examples import fixed_batch_of

DISTORTION, DISTORTION_UNSEEN = 0.03, 0.002  # with examples, without
FLOAT_BYTES = 4
LOOKING = 0.1  # of the step: sensitivities


def share_without_training(
    checkpoint: Checkpoint, spec: ShareRateDistortion, context: Context
) -> Outcome:
    """Put the weights of a copy of the checkpoint's model on grids whose codes are few bits.

    Weights that earlier steps put on a grid or a codebook stay as they are, and so do zeros
    that an earlier step made. A target that cannot be met gives the best net found, and the
    facts say so; without any example no loss can be judged, and `target_met` is null. Raises
    UnknownLayer, and StepImpossible where no weight is left.
    """
    net = net_of(checkpoint, spec.protect)
    run = _Run(checkpoint.model, net, spec, context)
    tried = run.attempts()
    kept = tried[0]
    context.progress(Progress(fraction=1.0))
    return Outcome(kept.net.checkpoint(checkpoint), facts=run.facts(tried))


@dataclass
class _Seen:
    """The examples, and what they tell about every weight."""

    stages: Stages
    batches: list[Arrays]
    sensitivity: dict[str, float]
    examples: int

    @property
    def told_apart(self) -> bool:
        """Whether the outputs feel any weight at all."""
        return any(value > 0 for value in self.sensitivity.values())


class _Run:
    def __init__(
        self,
        model: onnx.ModelProto,
        net: Net,
        spec: ShareRateDistortion,
        context: Context,
    ) -> None:
        self.model, self.net, self.spec, self.context = model, net, spec, context
        self.judge, rows = judge_and_examples(model, spec, context)
        self.seen = None if rows is None else self._look(rows)
        sized = spec.target is not None and spec.target.max_bytes is not None
        self.rest_bytes = self._rest_bytes() if sized else None
        self.sweeps = 0

    def attempts(self) -> list[Attempt]:
        """The nets that were coded, the chosen one first."""
        unseen = DISTORTION if self.seen else DISTORTION_UNSEEN
        start = self.spec.distortion or unseen
        target = self.spec.target
        judged = self.judge is not None
        if target is None or (target.max_bytes is None and not judged):
            return [self._attempt(start, None)]
        return search(
            target, start, self.net.weights, lambda d: self._attempt(d, target), judged=judged
        )

    def facts(self, tried: list[Attempt]) -> dict[str, FactValue]:
        """What was done, and whether the target was met."""
        kept = tried[0]
        codes = sum(tensor.codes.size for tensor in kept.net.tensors.values())
        zeros = sum(int((t.codes == 0).sum()) for t in kept.net.tensors.values())
        return {
            "trained": False,
            "examples": self.seen.examples if self.seen else 0,
            "steps_from": "outputs" if self.seen else "weights",
            "distortion": kept.distortion,
            "nets_coded": len(tried),
            "tensors_on_a_grid": len(kept.net.tensors),
            "weights_on_a_grid": codes,
            "nonzero_weights": codes - zeros,
            "float_bytes": FLOAT_BYTES * codes,
            "estimated_coded_bytes": round(kept.net.size_bytes),
            "estimated_packed_bytes": None
            if self.rest_bytes is None
            else round(kept.size_bytes),
            "bits_a_weight": round(8 * kept.net.size_bytes / max(codes, 1), 3),
            "layers_rounded_to_nearest": "; ".join(kept.net.nearest),
            "judged_by": self.judge.metric if self.judge else None,
            "judged_examples": self.judge.samples.count if self.judge else None,
            "judged_drop": kept.drop,
            "target_met": self._met(kept),
        }

    def _met(self, kept: Attempt) -> bool | None:
        """Whether the target holds; None where there is none or nobody could tell."""
        target = self.spec.target
        if target is None or not kept.meets(target):
            return None if target is None else False
        unjudged = target.max_drop is not None and kept.drop is None
        return None if unjudged else True

    def _look(self, some: Some) -> _Seen | None:
        """Open the model in stages and measure what its outputs feel."""
        net = self.net
        fed = dict.fromkeys((*(site.name for site in net.sites), *net.tensors))
        stages = Stages(self.model, net.sites, fed, inputs_of, self.context.threads)
        batches = batched(some.of, some.rows, fixed_batch_of(self.model))
        batches = as_many_as_fit(batches, stages.kept_bytes(batches[0], net.tensors))
        part = part_of(self.context, 0.0, LOOKING)
        pace = Pace(part.progress, min(len(batches), BATCHES) * len(net.sites), "layers")
        felt = sensitivities(
            stages, net.sites, net.tensors, batches, self.context.seed, lambda: pace.add(1)
        )
        examples = sum(len(next(iter(batch.values()))) for batch in batches)
        seen = _Seen(stages, batches, felt, examples)
        return seen if seen.told_apart else None

    def _attempt(self, distortion: float, target: RateTarget | None) -> Attempt:
        net = self._coded(distortion, 1 if target is None else MOST_SWEEPS)
        drop = None
        if self.judge is not None:
            drop = self.judge.drop(net.model(self.model))
        return Attempt(distortion, net, net.size_bytes + (self.rest_bytes or 0.0), drop)

    def _coded(self, distortion: float, sweeps: int) -> CodedNet:
        if self.seen is None:
            return from_weights(self.net, distortion)
        share = (1 - LOOKING) / sweeps
        first = LOOKING + share * min(self.sweeps, sweeps - 1)
        self.sweeps += 1
        part = part_of(self.context, first, first + share)
        pace = Pace(part.progress, len(self.seen.stages.stages), "layers")
        level = 12 * distortion / self.net.weights
        return with_feedback(
            self.net,
            self.seen.stages,
            self.seen.batches,
            level,
            self.seen.sensitivity,
            lambda: pace.add(1),
        )

    def _rest_bytes(self) -> float:
        """Of the packed file, all but the codes."""
        with TemporaryDirectory(dir=self.context.folder) as scratch:
            source, packed = Path(scratch) / "rest.onnx", Path(scratch) / "rest.packed"
            write_model(zeroed(self.model, self.net.tensors), source)
            pack(source, packed, hints={}, profile="fast")
            return float(packed.stat().st_size)
