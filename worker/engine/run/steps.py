"""Running the steps of a job, one checkpoint after the other."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lathe.errors import Failure, OutOfDisk
from lathe.job import JobSpec
from lathe.report import StepReport
from lathe.techniques.optimize import OptimizeGraph
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, load, save
from worker.engine.context import Context, Report
from worker.engine.gate import same_function
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import Outcome
from worker.engine.run.counts import Counts
from worker.engine.run.desk import Desk
from worker.engine.run.examples import example_inputs
from worker.engine.run.materials import Materials
from worker.engine.run.refusals import Stopped, stopping
from worker.engine.run.slim import slim
from worker.engine.run.traits import check_kept
from worker.engine.train.state import Trainings
from worker.wire import Compress, StepFinished, StepStarted, TrainingSaved

KEEPS_THE_FUNCTION = (OptimizeGraph,)
GATE_EXAMPLES = 8
SIZE = "size_bytes"  # in a step's facts: of the ONNX file that its state would be


@dataclass(frozen=True, slots=True)
class State:
    """The checkpoint file after one step."""

    step: str
    checkpoint: Path
    counts: Counts


@dataclass(frozen=True, slots=True)
class Ran:
    """Every state that can be measured, in step order, and every finished step's report;
    `failure` is that of the step that could not be finished."""

    states: tuple[State, ...]
    reports: tuple[StepReport, ...]
    failure: Failure | None = None


def run_steps(task: Compress, materials: Materials, desk: Desk) -> Ran:
    """Carry out the steps after the reused ones, up to the first that fails; none where the
    task is cut short.

    Raises Stopped where the first of all fails, or the disk is full, which another worker's
    may not be.
    """
    states = [
        State(
            staged.report.id, desk.inside / staged.checkpoint, Counts.of_report(staged.report)
        )
        for staged in task.reused
        if staged.checkpoint is not None
    ]
    reports = [staged.report for staged in task.reused]
    if task.cut_short is not None:
        return Ran(tuple(states), tuple(reports), task.cut_short)
    current = _start(task, desk.inside)
    counts = Counts.of_report(reports[-1]) if reports else Counts().after(current)
    for position in range(len(task.reused), len(task.spec.pipeline)):
        try:
            with stopping(position):
                state, report = _finished(task, materials, desk, position, current, counts)
        except Stopped as stopped:
            if not states or isinstance(stopped.refused, OutOfDisk):
                raise
            return Ran(tuple(states), tuple(reports), stopped.failure())
        current, counts = load(state.checkpoint), state.counts
        states.append(state)
        reports.append(report)
    return Ran(tuple(states), tuple(reports))


def _finished(
    task: Compress,
    materials: Materials,
    desk: Desk,
    position: int,
    before: Checkpoint,
    counts: Counts,
) -> tuple[State, StepReport]:
    """The step at `position`, carried out; its own files are gone with its scratch folder."""
    step_id = task.spec.step_id(position)
    desk.say(StepStarted(step=step_id))
    path = desk.out / f"{step_id}.checkpoint"
    with (
        tempfile.TemporaryDirectory(dir=desk.out) as scratch,
        desk.working(step=step_id) as progress,
    ):
        context = _context(task, materials, position, Path(scratch), progress, desk)
        outcome, report = _timed(before, context, materials, task.spec, position)
        counts = counts.after(outcome.checkpoint)
        facts = counts.as_facts() | {SIZE: file_bytes(slim(outcome.checkpoint.model))}
        report = report.model_copy(update={"facts": report.facts | facts})
        save(outcome.checkpoint, path)
    desk.say(StepFinished(step=step_id, checkpoint=path.name, report=report))
    return State(step_id, path, counts), report


def derived_seed(seed: int, position: int) -> int:
    """The seed of the step at `position`: the same job and place give the same one."""
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 1)


def _start(task: Compress, folder_in: Path) -> Checkpoint:
    if not task.reused:
        return Checkpoint(read_model(folder_in / task.model.canonical))
    last = task.reused[-1]
    if last.checkpoint is None:
        raise ValueError(f"the checkpoint of the reused step {last.report.id!r} is missing")
    return load(folder_in / last.checkpoint)


def _context(
    task: Compress,
    materials: Materials,
    position: int,
    folder: Path,
    progress: Report,
    desk: Desk,
) -> Context:
    return Context(
        io=materials.io,
        folder=folder,
        seed=derived_seed(task.spec.seed, position),
        hold_out_seed=task.spec.seed,
        device=torch.device(task.device),
        threads=task.threads,
        task=task.spec.task,
        train=materials.train,
        train_of=materials.train_of,
        calibration=materials.calibration,
        teachers=materials.teachers,
        progress=progress,
        trainings=_trainings(task, position, desk),
    )


def _trainings(task: Compress, position: int, desk: Desk) -> Trainings:
    step_id = task.spec.step_id(position)
    begun = task.training if position == len(task.reused) else None

    def tell(path: Path, epoch: int) -> None:
        desk.say(TrainingSaved(step=step_id, file=path.name, epoch=epoch))

    return Trainings(
        found=None if begun is None else desk.inside / begun,
        folder=desk.out,
        tell=tell,
        every_s=task.training_every_s,
    )


def _timed(
    before: Checkpoint, context: Context, materials: Materials, spec: JobSpec, position: int
) -> tuple[Outcome, StepReport]:
    step = spec.pipeline[position]
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    outcome = apply(before, step, context)
    check_kept(before, outcome.checkpoint)
    samples = materials.any_samples
    if isinstance(step, KEEPS_THE_FUNCTION) and samples is not None:
        inputs = example_inputs(before.model, samples, GATE_EXAMPLES, seed=context.seed)
        same_function(before.model, outcome.checkpoint.model, [inputs])
    return outcome, StepReport(
        id=spec.step_id(position),
        technique=step.technique,
        wall_s=time.perf_counter() - wall_s,
        cpu_s=time.process_time() - cpu_s,
        facts=outcome.facts,
        curve=outcome.curve,
        sensitivities=outcome.sensitivities,
    )
