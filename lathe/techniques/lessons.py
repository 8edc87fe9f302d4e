"""Where a step is taught by other models: itself, or in a training inside it."""

from collections.abc import Iterator

from lathe.techniques.prune import PruneChannels
from lathe.techniques.rate import ShareRateDistortion
from lathe.techniques.step import Step
from lathe.techniques.train import Distill, Recover, Taught, Training


def trainings(step: Step) -> Iterator[tuple[str, Training]]:
    """The training that `step` is and the one inside it, with where its fields stand."""
    if isinstance(step, Training) and not _untrained(step):
        yield "", step
    if isinstance(step, PruneChannels) and step.recover is not None:
        yield "recover.", step.recover


def taught(step: Step) -> Iterator[tuple[str, Taught]]:
    """Those of `trainings` that have teachers."""
    for where, training in trainings(step):
        if isinstance(training, Taught):
            yield where, training


def students(step: Step) -> Iterator[tuple[str, str]]:
    """Ids of the models that are to be taught in the place of `step`'s own, with the field."""
    for where, training in trainings(step):
        if isinstance(training, Distill) and training.student is not None:
            yield f"{where}student", training.student


def asked_models(step: Step) -> Iterator[str]:
    """Names of the models that `step` reads besides its own: teachers, a student, and whom a
    score is compared with."""
    for _, training in taught(step):
        yield from (teacher.model for teacher in training.teachers)
    yield from (model for _, model in students(step))
    if isinstance(step, ShareRateDistortion) and step.reference is not None:
        yield step.reference


def reads_labels(training: Training) -> bool:
    """Whether it follows the task's own loss, and not a teacher alone."""
    match training:
        case Recover():
            return True
        case Taught():
            return training.epochs > 0 and training.loss.hard > 0
        case _:
            return False


def _untrained(step: Training) -> bool:
    """Whether it is asked to do without training."""
    return isinstance(step, ShareRateDistortion) and step.assignment == "feedback"
