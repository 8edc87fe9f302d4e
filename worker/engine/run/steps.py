"""Running the steps of a job, one checkpoint after the other."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from lathe.report import StepReport
from lathe.techniques import AnyStep
from lathe.techniques.optimize import OptimizeGraph
from lathe.views import Progress
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, load, save
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.locks import TimingLock
from worker.engine.outcome import Outcome
from worker.engine.run.examples import example_inputs
from worker.engine.run.materials import Materials
from worker.engine.run.refusals import stopping
from worker.engine.run.traits import check_kept
from worker.wire import Compress, Message, Progressed, StepFinished, StepStarted

Say = Callable[[Message], None]
KEEPS_THE_FUNCTION = (OptimizeGraph,)
GATE_EXAMPLES = 8


@dataclass(frozen=True, slots=True)
class State:
    """The checkpoint file after one step."""

    step: str
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Ran:
    """Every state that can be measured, in step order, and every step's report."""

    states: tuple[State, ...]
    reports: tuple[StepReport, ...]


def run_steps(
    task: Compress,
    materials: Materials,
    folder_in: Path,
    folder_out: Path,
    say: Say,
    lock: TimingLock,
) -> Ran:
    """Carry out the steps after the reused ones; raises Stopped with the step's id."""
    states = [
        State(staged.report.id, folder_in / staged.checkpoint)
        for staged in task.reused
        if staged.checkpoint is not None
    ]
    reports = [staged.report for staged in task.reused]
    current = _start(task, folder_in)
    for position in range(len(task.reused), len(task.spec.pipeline)):
        step_id = task.spec.step_id(position)
        say(StepStarted(step=step_id))
        with stopping(step_id), tempfile.TemporaryDirectory(dir=folder_out) as scratch:
            context = _context(task, materials, position, Path(scratch), say, lock)
            step = task.spec.pipeline[position]
            with lock.shared():
                outcome, report = _timed(current, step, context, materials, step_id)
            path = folder_out / f"checkpoint-{step_id}.zip"
            save(outcome.checkpoint, path)
        say(StepFinished(step=step_id, checkpoint=path.name, report=report))
        current = outcome.checkpoint
        states.append(State(step_id, path))
        reports.append(report)
    return Ran(tuple(states), tuple(reports))


def derived_seed(seed: int, position: int) -> int:
    """The seed of the step at `position`: the same job and place give the same one."""
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 1)


def _start(task: Compress, folder_in: Path) -> Checkpoint:
    if not task.reused:
        return Checkpoint(onnx.load(folder_in / task.model.canonical))
    last = task.reused[-1]
    if last.checkpoint is None:
        raise ValueError(f"the checkpoint of the reused step {last.report.id!r} is missing")
    return load(folder_in / last.checkpoint)


def _context(
    task: Compress,
    materials: Materials,
    position: int,
    folder: Path,
    say: Say,
    lock: TimingLock,
) -> Context:
    step_id = task.spec.step_id(position)

    def progress(made: Progress) -> None:
        lock.breathe()
        say(Progressed(progress=made.model_copy(update={"step": step_id})))

    return Context(
        io=materials.io,
        folder=folder,
        seed=derived_seed(task.spec.seed, position),
        device=torch.device(task.device),
        threads=task.threads,
        task=task.spec.task,
        train=materials.train,
        calibration=materials.calibration,
        teachers=materials.teachers,
        progress=progress,
    )


def _timed(
    before: Checkpoint, step: AnyStep, context: Context, materials: Materials, step_id: str
) -> tuple[Outcome, StepReport]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    outcome = apply(before, step, context)
    check_kept(before, outcome.checkpoint)
    samples = materials.any_samples
    if isinstance(step, KEEPS_THE_FUNCTION) and samples is not None:
        inputs = example_inputs(before.model, samples, GATE_EXAMPLES, seed=context.seed)
        same_function(before.model, outcome.checkpoint.model, inputs)
    return outcome, StepReport(
        id=step_id,
        technique=step.technique,
        wall_s=time.perf_counter() - wall_s,
        cpu_s=time.process_time() - cpu_s,
        facts=outcome.facts,
        curve=outcome.curve,
    )
