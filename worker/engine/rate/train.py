"""train.rate_distortion: loss + rate * bits, by gradient descent on codes and steps."""

from dataclasses import replace

from lathe.techniques.rate import RateDistortion
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.hand_back import hand_back
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.outcome import Outcome
from worker.engine.progress import part_of
from worker.engine.prune.channels.busiest_first import busiest_first
from worker.engine.prune.channels.dead import Buried, without_dead
from worker.engine.rate.alive import Alive
from worker.engine.rate.grid import codes
from worker.engine.rate.priced_steps import PricedSteps, Schedule
from worker.engine.rate.result import Coded, coded_facts, with_multiples
from worker.engine.rate.settled_steps import SettledSteps
from worker.engine.rate.start import grid_of
from worker.engine.rate.tensors import Tensor, on_grid
from worker.engine.train.course import Course, course
from worker.engine.train.loop import Fitted, fit


def train_rate_distortion(
    checkpoint: Checkpoint, spec: RateDistortion, context: Context
) -> Outcome:
    """Train a copy of the checkpoint's model until its weights are few multiples of a step.

    Tensors with a codebook and the layers `spec.protect` keep what they are; zeros that an
    earlier step made stay. Raises StepImpossible, UnknownLayer, EffectLost, and
    TrainingDiverged where the rate leaves nothing of the model.
    """
    taught = course(checkpoint, spec, context)
    held = on_grid(taught.view, checkpoint, context.io, spec.protect)
    whole = spec.epochs + spec.settle_epochs
    grown = part_of(context, 0.0, spec.epochs / whole)
    fitted, priced = _grow(taught, held, checkpoint, spec, grown)
    settled: Fitted | None = None
    coded = [Coded(part.tensor, part.step, part.most) for part in priced]
    if spec.settle_epochs:
        rest = part_of(context, spec.epochs / whole, 1.0)
        settled = _settle(taught, priced, checkpoint, spec, rest)
    model = hand_back(taught.view, checkpoint.model, context.seed)
    done = with_multiples(replace(checkpoint, model=model), coded)
    buried = without_dead(done, context) if spec.drop_dead else Buried(done, 0)
    placed = any(t.sparse or t.codebook is not None for t in checkpoint.traits.values())
    if spec.sort_units and not placed:
        buried = Buried(busiest_first(buried.checkpoint, context), buried.units)
    last = settled or fitted
    return Outcome(
        buried.checkpoint,
        facts={
            **taught.facts,
            **last.facts,
            "epochs_run": len(fitted.curve) - 1 + (len(settled.curve) - 1 if settled else 0),
            "held_out_score_before": fitted.curve[0][2],
            "held_out_score_before_settling": fitted.curve[-1][2],
            **coded_facts(coded),
            "dead_units_cut": buried.units,
        },
        curve=_joined(fitted, settled),
    )


def _grow(
    taught: Course,
    held: list[Tensor],
    checkpoint: Checkpoint,
    spec: RateDistortion,
    context: Context,
) -> tuple[Fitted, list[PricedSteps]]:
    """The epochs in which the rate grows; the module is left with the last of them."""
    schedule = Schedule(spec.rate, spec.ramp, spec.step_share, spec.epochs)
    priced = []
    for tensor in held:
        trait = checkpoint.traits.get(tensor.name)
        step, most = grid_of(tensor, trait, spec.initial_step, spec.most)
        fixed = trait is not None and trait.multiples is not None
        own = replace(schedule, step_share=0.0) if fixed else schedule
        sparse = trait is not None and trait.sparse
        priced.append(PricedSteps(tensor, step, most, own, sparse=sparse))
    names = {tensor.name for tensor in held}
    others = {name: t for name, t in checkpoint.traits.items() if name not in names}
    alive = Alive(taught.view, spec.rate)
    steady = spec.model_copy(update={"schedule": "constant", "early_stopping": None})
    fitted = fit(
        taught.view.module,
        alive.forward,
        steady,
        taught.lesson,
        context,
        Together([*priced, held_by_traits(taught.view, others)]),
    )
    return fitted, priced


def _settle(
    taught: Course,
    priced: list[PricedSteps],
    checkpoint: Checkpoint,
    spec: RateDistortion,
    context: Context,
) -> Fitted:
    """The epochs in which zeros and steps stay; the best of them is left in the module."""
    taught.view.module.to(context.device)
    names = {part.tensor.name for part in priced}
    others = {name: t for name, t in checkpoint.traits.items() if name not in names}
    parts = [
        SettledSteps(
            part.tensor,
            [w * (codes(w, part.step, part.most) != 0) for w in part.kept],
            part.step,
            part.most,
        )
        for part in priced
    ]
    return fit(
        taught.view.module,
        taught.view.forward,
        spec.model_copy(update={"epochs": spec.settle_epochs}),
        taught.lesson,
        context,
        Together([*parts, held_by_traits(taught.view, others)]),
    )


def _joined(grown: Fitted, settled: Fitted | None) -> tuple[tuple[float, ...], ...]:
    """One curve; the settling's first row is the growing's last."""
    if settled is None:
        return grown.curve
    done = grown.curve[-1][0]
    return grown.curve + tuple((done + row[0], *row[1:]) for row in settled.curve[1:])
