"""Progress: bars on a terminal, plain lines elsewhere, always on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from lathe.cli.say import err, harmless, note
from lathe.client.talk import Told
from lathe.states import JobState, StepState
from lathe.views import JobView

Seen = Callable[[JobView], None]
_BEGUN = frozenset(StepState) - {StepState.PENDING}


@contextmanager
def bytes_bar(what: str) -> Iterator[Told]:
    """To be told how many bytes have gone, of how many."""
    console = err()
    if not console.is_terminal:
        note(what)
        yield lambda _done, _of: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(bar, completed=done, total=of)


@contextmanager
def step_bars() -> Iterator[Seen]:
    """To be shown the job each time it was looked at."""
    console = err()
    if not console.is_terminal:
        yield _Lines().seen
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        yield _Bars(bars).seen


class _Bars:
    """One bar a step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._steps: dict[str, TaskID] = {}
        self._queue: TaskID | None = bars.add_task("waiting", total=None, told="")

    def seen(self, job: JobView) -> None:
        if self._queue is not None:
            self._bars.update(self._queue, told=harmless(job.waiting_for or ""))
            if job.state is not JobState.QUEUED:
                self._bars.remove_task(self._queue)
                self._queue = None
        for step in job.steps:
            if step.state not in _BEGUN:
                continue
            if step.id not in self._steps:
                self._steps[step.id] = self._bars.add_task(step.id, total=1.0, told="")
            self._bars.update(
                self._steps[step.id],
                completed=step.fraction,
                told="" if step.state is StepState.RUNNING else str(step.state),
            )
            if step.state is not StepState.RUNNING:
                self._bars.stop_task(self._steps[step.id])
        now = job.progress
        if now and now.step in self._steps and not job.state.finished:
            self._bars.update(self._steps[now.step], told=harmless(now.message or ""))


class _Lines:
    """One line for each change."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def seen(self, job: JobView) -> None:
        if job.state is JobState.QUEUED:
            self._once("waiting" + (f": {job.waiting_for}" if job.waiting_for else ""))
        for number, step in enumerate(job.steps, 1):
            if step.state in _BEGUN:
                self._once(f"step {number}/{len(job.steps)} {step.id}: {step.state}")

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            note(line)
