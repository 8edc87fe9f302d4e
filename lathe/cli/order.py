"""The job spec that `lathe compress` submits."""

from dataclasses import dataclass
from typing import Any, get_args

from lathe.cli.pipeline import Pipeline
from lathe.cli.wrong import no_such
from lathe.task import METRICS, TaskKind
from lathe.views import DatasetView

TRAIN = ("train", "training")
CALIBRATION = ("calibration", "calib", *TRAIN, "validation", "valid", "val")
EVALUATION = ("test", "evaluation", "eval", "validation", "valid", "val")
_TASKS: dict[str, TaskKind] = {kind: kind for kind in get_args(TaskKind)}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says about the job."""

    task: str | None = None
    metric: str | None = None
    max_drop: float | None = None
    max_bytes: int | None = None
    max_latency_ms: float | None = None
    train: bool | None = None
    samples: int = 512
    name: str | None = None
    device: str | None = None
    seed: int | None = None
    webhook: str | None = None


def job_spec(
    model: str, dataset: DatasetView | None, pipeline: Pipeline, wishes: Wishes
) -> dict[str, Any]:
    """Splits are taken by their names; without a task the answers are compared with those of
    the original."""
    train = pipeline.trains if wishes.train is None else wishes.train
    data = _data(dataset, wishes.samples, train=train) if dataset else {}
    spec: dict[str, Any] = {"model": model, "data": data, "pipeline": pipeline.steps}
    if wishes.name:
        spec["name"] = wishes.name
    primary = None
    if "evaluation" in data:
        kind = _task(wishes.task or "none")
        primary = wishes.metric or METRICS[kind][0]
        spec["task"] = {"kind": kind} | ({"metrics": [primary]} if wishes.metric else {})
    spec["constraints"] = _limits(wishes, primary)
    spec["benchmark"] = {"batch_sizes": [1]}
    if wishes.device:
        spec["resources"] = {"device": wishes.device}
    if wishes.seed is not None:
        spec["seed"] = wishes.seed
    if wishes.webhook:
        spec["webhook"] = wishes.webhook
    return spec


def _data(dataset: DatasetView, samples: int, *, train: bool) -> dict[str, Any]:
    splits = {split.name: split for split in dataset.facts.splits} if dataset.facts else {}
    data: dict[str, Any] = {}
    if (judged := _first(splits, EVALUATION)) is not None:
        data["evaluation"] = {"dataset": dataset.id, "split": judged}
    if (seen := _first(splits, CALIBRATION, but=judged)) is not None:
        count = min(samples, splits[seen].examples)
        data["calibration"] = {"dataset": dataset.id, "split": seen, "samples": count}
    if train and (taught := _first(splits, TRAIN, but=judged)) is not None:
        data["train"] = {"dataset": dataset.id, "split": taught}
    return data


def _first(splits: Any, wanted: tuple[str, ...], but: str | None = None) -> str | None:
    """The first of these names that there is, else any split that is left."""
    left = [name for name in splits if name != but] or list(splits)
    return next((name for name in wanted if name in left), left[0] if left else None)


def _limits(wishes: Wishes, primary: str | None) -> list[dict[str, Any]]:
    limits: list[dict[str, Any]] = []
    if wishes.max_drop is not None:
        limits.append({"metric": primary or "accuracy", "max_drop": wishes.max_drop})
    if wishes.max_bytes is not None:
        limits.append({"metric": "size_bytes", "max": wishes.max_bytes})
    if wishes.max_latency_ms is not None:
        limits.append({"metric": "latency_ms", "max": wishes.max_latency_ms})
    return limits


def _task(kind: str) -> TaskKind:
    if kind not in _TASKS:
        raise no_such("task", kind, _TASKS)
    return _TASKS[kind]
