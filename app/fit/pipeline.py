"""Every step has to find its layers, and a form of the model that it can work on."""

from collections.abc import Iterator

from app.fit.labels import trains_on_the_task
from app.fit.words import listed, suggestion
from lathe.errors import Refused, StepImpossible, UnknownLayer
from lathe.facts import ModelFacts
from lathe.job import JobSpec
from lathe.techniques import AnyStep
from lathe.techniques.decompose import Decompose, RankByBudget
from lathe.techniques.lessons import trainings
from lathe.techniques.prune import PruneChannels
from lathe.techniques.quantize.excluded import matching
from lathe.techniques.rate import ShareRateDistortion

_LAYER_FIELDS = ("protect", "exclude")
_PATTERN_FIELD = "exclude"


def pipeline_refusals(spec: JobSpec, model: ModelFacts) -> list[Refused]:
    """Every reason why a step cannot be taken on this model."""
    found: list[Refused] = []
    for index, step in enumerate(spec.pipeline):
        where = f"pipeline.{index}"
        found += _view_refusals(where, step, spec, model)
        found += _layer_refusals(where, step, model)
        found += _training_refusals(where, step, spec)
        found += _budget_refusals(where, step, model)
    return found


def _view_refusals(
    where: str, step: AnyStep, spec: JobSpec, model: ModelFacts
) -> Iterator[Refused]:
    trains = isinstance(step, ShareRateDistortion) and step.trains(
        train=spec.data.train is not None
    )
    needed = step.needs.torch_view or trains or "loss" in step.looks_at
    if needed and not model.capabilities.torch_view:
        blocking = listed(model.capabilities.blocking_operators)
        yield StepImpossible(
            f"{step.technique} needs a trainable form of the model, and these operators have "
            f"none: {blocking}; replace them, or keep to optimize.*, analyze.*, decompose.*, "
            "quantize.* (but quantize.aware) and encode.* steps and, without data.train, "
            "share.rate_distortion",
            param=f"{where}.technique",
        )


def _layer_refusals(where: str, step: AnyStep, model: ModelFacts) -> Iterator[Refused]:
    offered = [layer.id for layer in model.stats.layers]
    for field in _LAYER_FIELDS:
        for place, layer in enumerate(getattr(step, field, ())):
            meant = matching(layer, offered) if field == _PATTERN_FIELD else (layer,)
            if not meant or meant[0] not in offered:
                yield UnknownLayer(
                    f"the model has no layer {layer!r}; {suggestion(layer, offered)}",
                    param=f"{where}.{field}.{place}",
                )


def _training_refusals(where: str, step: AnyStep, spec: JobSpec) -> Iterator[Refused]:
    if spec.data.train is None:  # what can do without trains nothing then
        return
    kind = spec.task.kind if spec.task else None
    on_the_task = trains_on_the_task(step)
    trains = any(training.epochs for _, training in trainings(step))
    if kind == "similarity" and (on_the_task or trains):
        remedy = "it" if step.needs.train else "data.train"
        yield StepImpossible(
            f"{step.technique} cannot train on pairs; leave {remedy} out of a similarity task",
            param=f"{where}.technique",
        )
    elif on_the_task and kind in {None, "none"}:
        yield StepImpossible(
            f"{step.technique} follows the task's loss and there is no task; set `task`, or "
            "follow a teacher alone with loss.hard 0, or take another criterion",
            param="task",
        )


def _budget_refusals(where: str, step: AnyStep, model: ModelFacts) -> Iterator[Refused]:
    field = ""
    if isinstance(step, PruneChannels) and step.keep_macs is not None:
        field = "keep_macs"
    if isinstance(step, Decompose) and isinstance(step.rank, RankByBudget):
        field = "rank.keep_macs" if step.rank.saves == "macs" else ""
    if field and model.stats.macs is None:
        yield StepImpossible(
            "the model's shapes do not tell its multiply-accumulates; use keep_parameters",
            param=f"{where}.{field}",
        )
