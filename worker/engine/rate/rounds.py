"""share.rate_distortion with training: rounds of choosing cheaper codes and fine-tuning.

A round takes, for each weight, the code that is worth its bits (see choice.py), then trains
with zeros and steps kept. The state with the best held-out score of its epochs is judged: as
long as the target holds it is kept and the next round asks a higher price, else it is thrown
away and the next round asks half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import onnx
import torch

from lathe.errors import StepImpossible
from lathe.techniques.rate import RateTarget, ShareRateDistortion
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.hand_back import hand_back
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.prune.channels.dead import Buried, without_dead
from worker.engine.rate.curvature import curvature, some
from worker.engine.rate.file_size import packed_bytes
from worker.engine.rate.grid import coarse, codes
from worker.engine.rate.judge import held_out_score
from worker.engine.rate.pricing import Latent, price_for, priced
from worker.engine.rate.result import Coded, coded_facts, with_multiples
from worker.engine.rate.settled_steps import SettledSteps
from worker.engine.rate.start import grid_of
from worker.engine.rate.tensors import on_grid
from worker.engine.threads import torch_threads
from worker.engine.train.course import Course, course
from worker.engine.train.hold_out import HoldOut, hold_out
from worker.engine.train.loop import fit
from worker.engine.train.teachers import Teacher, judged
from worker.engine.view import write_back

BACK = 0.5  # factor on the rate after a round that lost too much
SHRINK = 0.85  # of the bytes are left after a round on the way to a size


@dataclass(frozen=True, slots=True)
class Standing:
    """The network after a round: what its module holds, the latent values behind the grids,
    the held-out score, about how many bytes the codes take, and, where a size is asked for,
    the bytes of the packed file."""

    module: dict[str, torch.Tensor]
    latent: Latent
    score: float
    size_bytes: float
    file_bytes: int | None


def share_by_rounds(
    checkpoint: Checkpoint, spec: ShareRateDistortion, context: Context
) -> Outcome:
    """Make the codes of a copy of the checkpoint's model cheaper, round by round.

    A tensor without a step is first put on a grid. Where no round holds the target, the best
    found is returned and the facts say so. Raises StepImpossible, UnknownLayer,
    TrainingDiverged and EffectLost.
    """
    taught = course(checkpoint, spec, context)
    samples = context.train
    if samples is None:
        raise StepImpossible(
            "rounds of choosing and training need data.train", param="data.train"
        )
    grids = []
    for tensor in on_grid(taught.view, checkpoint, context.io, spec.protect):
        trait = checkpoint.traits.get(tensor.name)
        step, most = grid_of(tensor, trait, spec.initial_step, spec.most)
        grids.append(Coded(tensor, coarse(step), most))
    run = _Rounds(taught, grids, checkpoint, spec, context, samples)
    with torch_threads(context.threads):
        before = run.begin()
    kept = run.best(before)
    run.put(kept)
    taught.view.module.to("cpu")
    buried = run.finished(hand_back(taught.view, checkpoint.model, context.seed))
    facts = {**taught.facts, **run.facts(before, kept), **coded_facts(grids)}
    facts["dead_units_cut"] = buried.units
    return Outcome(buried.checkpoint, facts=facts, curve=tuple(run.curve))


@dataclass
class _Rounds:
    taught: Course
    grids: Sequence[Coded]
    checkpoint: Checkpoint
    spec: ShareRateDistortion
    context: Context
    samples: Samples
    rows: HoldOut = field(init=False)
    curve: list[tuple[float, ...]] = field(default_factory=list, init=False)
    reference: float = field(default=0.0, init=False)
    ran: int = field(default=0, init=False)
    held: int = field(default=0, init=False)
    last_rate: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.rows = hold_out(self.samples.count, self.spec.hold_out, self.context.hold_out_seed)

    def begin(self) -> Standing:
        """The weights on their grids as they came; what the score is compared with."""
        self.reference = self.judge(self.original())
        latent = [[p.data.clone() for p in grid.tensor.parameters] for grid in self.grids]
        for grid, values in zip(self.grids, latent, strict=True):
            for parameter, value in zip(grid.tensor.parameters, values, strict=True):
                parameter.data = codes(value, grid.step, grid.most).mul_(grid.step)
        return self.standing(latent, self.judge())

    def best(self, kept: Standing) -> Standing:
        """Round after round, until there are enough or the size asked for is reached."""
        rate, target = self.spec.rate, self.spec.target
        for number in range(self.spec.rounds):
            if self.small_enough(kept):
                break
            part = part_of(
                self.context, number / self.spec.rounds, (number + 1) / self.spec.rounds
            )
            tried = self.round(kept, rate, part)
            self.ran = number + 1
            if self.holds(tried) or (not self.holds(kept) and tried.score > kept.score):
                kept, self.held = tried, self.held + 1
                rate *= self.spec.growth
            elif target is not None:
                rate *= BACK
        return kept

    def round(self, kept: Standing, rate: float, context: Context) -> Standing:
        """Cheaper codes for `kept`, then fine-tuning."""
        self.put(kept)
        latent, self.last_rate = self.cheaper(kept, rate)
        if not self.spec.epochs:
            for grid, values in zip(self.grids, latent, strict=True):
                for parameter, value in zip(grid.tensor.parameters, values, strict=True):
                    parameter.data = value.clone()
            return self.standing(latent, self.judge())
        names = {grid.tensor.name for grid in self.grids}
        others = {n: t for n, t in self.checkpoint.traits.items() if n not in names}
        parts = [
            SettledSteps(grid.tensor, values, grid.step, grid.most)
            for grid, values in zip(self.grids, latent, strict=True)
        ]
        view = self.taught.view
        held = Together([*parts, held_by_traits(view, others)])
        fitted = fit(view.module, view.forward, self.spec, self.taught.lesson, context, held)
        done = self.curve[-1][0] if self.curve else 0.0
        new = fitted.curve[1:] if self.curve else fitted.curve
        self.curve += [(done + row[0], *row[1:]) for row in new]
        return self.standing([part.kept for part in parts], fitted.curve[fitted.best_epoch][2])

    def cheaper(self, kept: Standing, rate: float) -> tuple[Latent, float]:
        """Values on the grid that are worth their bits, and at which price."""
        parameters = [p for grid in self.grids for p in grid.tensor.parameters]
        rows = some(self.rows.train, self.spec.samples, self.context.seed)
        view, lesson = self.taught.view, self.taught.lesson
        with torch_threads(self.context.threads):
            found = iter(curvature(view, lesson, parameters, self.samples, rows, self.context))
            bends = [[next(found) for _ in values] for values in kept.latent]
            target = self.spec.target
            if target is not None and target.max_bytes and kept.file_bytes:
                too_many = kept.file_bytes - target.max_bytes
                fraction = max(1 - too_many / max(kept.size_bytes, 1), SHRINK)
                rate = price_for(self.grids, kept.latent, bends, fraction)
            return priced(self.grids, kept.latent, bends, rate), rate

    def original(self) -> Teacher | None:
        """Whom the score is compared with; None where no drop is the target."""
        if self.spec.reference is None:
            return None
        lesson, name = self.taught.lesson, self.spec.reference
        taught = (one for one in lesson.teachers if one.name == name)
        model = self.context.teachers[name]
        return next(taught, None) or judged(name, model, lesson.outputs, self.context.threads)

    def judge(self, other: Teacher | None = None) -> float:
        """The held-out score of what the module holds, or of another model."""
        lesson, asked = self.taught.lesson, other or self.taught.view
        return held_out_score(asked, lesson, self.samples, self.rows.held, self.context)

    def standing(self, latent: Latent, score: float) -> Standing:
        """What the module holds now, remembered."""
        module = self.taught.view.module
        state = {name: t.detach().clone() for name, t in module.state_dict().items()}
        size_bytes = sum(grid.size_bytes for grid in self.grids)
        target, whole = self.spec.target, None
        if target is not None and target.max_bytes is not None:
            now = self.finished(write_back(self.taught.view, self.checkpoint.model))
            whole = packed_bytes(now.checkpoint, self.context, target.profile)
        return Standing(state, latent, score, size_bytes, whole)

    def finished(self, model: onnx.ModelProto) -> Buried:
        """What the module holds, written to `model`, with its traits and without the units
        that it has no use for."""
        done = with_multiples(replace(self.checkpoint, model=model), self.grids)
        return without_dead(done, self.context) if self.spec.drop_dead else Buried(done, 0)

    def put(self, standing: Standing) -> None:
        """Back into the module."""
        self.taught.view.module.to(self.context.device)
        self.taught.view.module.load_state_dict(standing.module)

    def holds(self, standing: Standing) -> bool:
        """Whether the score did not fall by more than the target allows."""
        target = self.spec.target
        if target is None or target.max_drop is None:
            return True
        return self.reference - standing.score <= target.max_drop + 1e-9

    def small_enough(self, standing: Standing) -> bool:
        """Whether the size asked for is reached, so that no more accuracy need be spent."""
        target = self.spec.target
        return (
            target is not None
            and target.max_bytes is not None
            and standing.file_bytes is not None
            and standing.file_bytes <= target.max_bytes
        )

    def facts(self, before: Standing, kept: Standing) -> dict[str, FactValue]:
        """What the rounds did."""
        target: RateTarget | None = self.spec.target
        met = None
        if target is not None:
            met = self.holds(kept) and (target.max_bytes is None or self.small_enough(kept))
        return {
            "rounds_run": self.ran,
            "rounds_kept": self.held,
            "last_rate": self.last_rate,
            "held_out_examples": len(self.rows.held),
            "held_out_score_of_reference": self.reference,
            "held_out_score_before": before.score,
            "held_out_score_after": kept.score,
            "estimated_coded_bytes_before": round(before.size_bytes),
            "packed_bytes_before": before.file_bytes,
            "packed_bytes": kept.file_bytes,
            "target_met": met,
        }
