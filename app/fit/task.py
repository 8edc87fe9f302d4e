"""The task has to name an output that exists, and one that it can be judged on."""

from app.fit.words import suggestion
from lathe.errors import InvalidSpec, Refused
from lathe.facts import IoSpec, TensorSpec
from lathe.job import JobSpec


def task_refusals(spec: JobSpec, io: IoSpec) -> list[Refused]:
    """A refusal when the task's output is not one of the model's."""
    if spec.task is None or spec.task.output is None or judged_output(spec, io) is not None:
        return []
    offered = [tensor.name for tensor in io.outputs]
    return [
        InvalidSpec(
            f"the model has no output {spec.task.output!r}; "
            f"{suggestion(spec.task.output, offered)}",
            param="task.output",
        )
    ]


def judged_output(spec: JobSpec, io: IoSpec) -> TensorSpec | None:
    """The output that holds the answer: the task's, by default the first."""
    wanted = spec.task.output if spec.task else None
    if wanted is None:
        return io.outputs[0] if io.outputs else None
    return next((tensor for tensor in io.outputs if tensor.name == wanted), None)
