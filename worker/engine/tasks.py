"""The engine's one door: a task goes in, files and an answer come out."""

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from lathe.errors import Failure
from worker.engine.checkpoint import load
from worker.engine.graph.differs import differs
from worker.engine.intake.dataset import inspect_dataset
from worker.engine.intake.model import inspect_model
from worker.engine.measure.locks import TimingLock
from worker.engine.onnx_file.read import read_model
from worker.engine.run.candidates import measure
from worker.engine.run.desk import Desk
from worker.engine.run.materials import Materials
from worker.engine.run.opset import at_opset
from worker.engine.run.proof import proof
from worker.engine.run.refusals import Stopped, stopping
from worker.engine.run.steps import Ran, run_steps
from worker.wire import (
    Compress,
    Compressed,
    DatasetInspected,
    Ending,
    Entered,
    InspectDataset,
    InspectModel,
    Message,
    ModelInspected,
    Refusal,
    Said,
)

CANONICAL_MODEL = "canonical.onnx"
CANONICAL_DATA = "data.safetensors"


def perform(
    task: InspectModel | InspectDataset | Compress,
    folder_in: Path,
    folder_out: Path,
    say: Callable[[Message], None],
    lock: TimingLock,
) -> Ending:
    """Carry out `task`, whose files lie in `folder_in`; results go to `folder_out`.

    What cannot be done comes back as a Refusal; a compression of which a step failed behind
    one that changed something comes back as Compressed, and its report says why it stopped.
    Anything that is raised is a bug.
    """
    desk = Desk(folder_in, folder_out, say, lock)
    try:
        with stopping(None):
            return _performed(task, desk)
    except Stopped as stopped:
        return Refusal(failure=stopped.failure())


def _performed(task: InspectModel | InspectDataset | Compress, desk: Desk) -> Ending:
    match task:
        case InspectModel():
            model = inspect_model(
                desk.inside / task.upload, desk.out / CANONICAL_MODEL, task.limits
            )
            return ModelInspected(canonical=CANONICAL_MODEL, facts=model)
        case InspectDataset():
            data = inspect_dataset(
                desk.inside / task.upload,
                desk.out / CANONICAL_DATA,
                task.transforms,
                task.limits,
                task.layout,
            )
            return DatasetInspected(canonical=CANONICAL_DATA, facts=data)
        case Compress():
            return _compressed(task, desk)
        case _:
            assert_never(task)


def _compressed(task: Compress, desk: Desk) -> Compressed | Refusal:
    remaining = () if task.cut_short else task.spec.pipeline[len(task.reused) :]
    _check_outputs(task, desk)
    materials = Materials.open(task, desk.inside, remaining)
    ran = run_steps(task, materials, desk)
    if ran.failure is None:
        return _shown(task, materials, ran, desk)
    return _best_so_far(task, materials, ran, ran.failure, desk)


def _shown(task: Compress, materials: Materials, ran: Ran, desk: Desk) -> Compressed:
    desk.say(Entered(phase="measure"))
    measured = measure(task, materials, ran.states, desk)
    desk.say(Entered(phase="report"))
    return proof(task, materials, ran, measured, desk)


def _best_so_far(
    task: Compress, materials: Materials, ran: Ran, failure: Failure, desk: Desk
) -> Compressed | Refusal:
    """What the steps before the failed one came to, if they changed anything; `failure` is the
    answer whatever becomes of that."""
    before = read_model(desk.inside / task.model.canonical)
    if not differs(before, load(ran.states[-1].checkpoint).model):
        return Refusal(failure=failure)
    try:
        with stopping(None):
            return _shown(task, materials, ran, desk)
    except Stopped as stopped:
        lost = f"The best so far could not be measured: {stopped.refused.detail}"
        desk.say(Said(level="warning", text=lost))
        return Refusal(failure=failure)


def _check_outputs(task: Compress, desk: Desk) -> None:
    """Refuse an opset that the model cannot have even before any step, before any work."""
    model = read_model(desk.inside / task.model.canonical)
    for output in task.spec.onnx_outputs:
        at_opset(model, output.opset)
