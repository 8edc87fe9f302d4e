"""Scores of every unit under a criterion."""

from collections.abc import Sequence
from typing import assert_never

from lathe.errors import StepImpossible
from lathe.techniques.prune.channels import UnitCriterion
from worker.engine.context import Context
from worker.engine.pace import Pace
from worker.engine.prune.channels.activity import Activity, Look, magnitudes, nonzero
from worker.engine.prune.channels.geometric_median import distances
from worker.engine.prune.coupling import Group
from worker.engine.prune.evidence import Evidence, Labelled, Unlabelled
from worker.engine.prune.importance import (
    Elementwise,
    FromLoss,
    Scores,
    hessian,
    lamp,
    magnitude,
    scales,
    taylor,
)
from worker.engine.train.batches import batches
from worker.engine.view import TorchView

BATCH = 32  # examples whose gradients are added up before |w dL/dw| is taken
COMPARABLE = frozenset({"lamp", "bn_scale"})  # across groups, as they are


def scores(  # noqa: PLR0911 - a case a criterion
    view: TorchView,
    groups: Sequence[Group],
    criterion: UnitCriterion,
    shown: Evidence | None,
    context: Context,
    pace: Pace,
) -> Scores:
    """One array (units,) a group, the higher the more a unit matters; `shown` is what the
    criterion looks at."""
    match criterion:
        case "l1":
            return magnitude(view.module, groups, 1)
        case "l2":
            return magnitude(view.module, groups, 2)
        case "lamp":
            return lamp(view.module, groups)
        case "fpgm":
            return distances(view.module, groups)
        case "bn_scale":
            return scales(view.module, groups)
        case "activation":
            return _seen(view, groups, magnitudes, shown, context, pace)
        case "apoz":
            return _seen(view, groups, nonzero, shown, context, pace)
        case "taylor":
            return _felt(view, groups, taylor, shown, context, pace)
        case "hessian":
            return _felt(view, groups, hessian, shown, context, pace)
        case _:
            assert_never(criterion)


def _seen(
    view: TorchView,
    groups: Sequence[Group],
    look: Look,
    shown: Evidence | None,
    context: Context,
    pace: Pace,
) -> Scores:
    if not isinstance(shown, Unlabelled):
        raise StepImpossible("the criterion looks at inputs")
    view.module.to(context.device)
    activity = Activity(view, groups, look, zeros=look is nonzero)
    for inputs in shown.tensors(context.device):
        activity.add(inputs)
        pace.add(len(next(iter(inputs.values()))))
    view.module.to("cpu")
    return activity.scores()


def _felt(
    view: TorchView,
    groups: Sequence[Group],
    of: Elementwise,
    shown: Evidence | None,
    context: Context,
    pace: Pace,
) -> Scores:
    """A hessian is taken example by example, because gradients of a batch would cancel."""
    if not isinstance(shown, Labelled):
        raise StepImpossible("the criterion follows the loss on data.train")
    view.module.to(context.device)
    total = FromLoss(view.module, groups, of)
    size = 1 if of is hessian else BATCH
    reads = shown.objective.reads_labels
    for batch in batches(shown.samples, shown.rows, size, context.device, labels=reads):
        total.add(shown.objective.loss(view.forward(batch.inputs), batch))
        pace.add(batch.examples)
    view.module.zero_grad(set_to_none=True)
    view.module.to("cpu")
    return total.scores()
