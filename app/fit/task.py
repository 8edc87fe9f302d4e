"""The task has to name an output that exists, and one that it can be judged on."""

from collections.abc import Iterator

from app.fit.words import suggestion
from lathe.errors import InvalidSpec, Refused
from lathe.facts import IoSpec, TensorSpec
from lathe.job import JobSpec
from lathe.task import FurtherTask, OneTask, Task


def task_refusals(spec: JobSpec, io: IoSpec) -> list[Refused]:
    """A refusal for each task whose output is not one of the model's, or another task's."""
    found: list[Refused] = []
    offered = [tensor.name for tensor in io.outputs]
    first = judged_output(spec.task, io)
    for where, task in every_task(spec.task):
        why = None
        if task.output is not None and task.output not in offered:
            hint = suggestion(task.output, offered)
            why = f"the model has no output {task.output!r}; {hint}"
        elif isinstance(task, FurtherTask) and first and task.output == first.name:
            why = f"the task itself is judged by the output {first.name!r}; name another there"
        if why is not None:
            found.append(InvalidSpec(why, param=f"{where}.output"))
    return found


def every_task(task: Task | None) -> Iterator[tuple[str, OneTask]]:
    """The first task and the further ones, with where they stand in a spec."""
    if task is not None:
        yield "task", task
        for place, one in enumerate(task.also):
            yield f"task.also.{place}", one


def judged_output(task: OneTask | None, io: IoSpec) -> TensorSpec | None:
    """The output that holds the answer: the task's, by default the first."""
    if task is None or task.output is None:
        return io.outputs[0] if io.outputs else None
    return next((tensor for tensor in io.outputs if tensor.name == task.output), None)
