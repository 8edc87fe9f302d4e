"""Another network in the model's place: what train.distill teaches where it names a student.

Hinton, Vinyals and Dean, arXiv:1503.02531, distil into a network that is smaller from the
start. Here the job's model is the usual teacher, and what later steps and measurements get is
the student, with the inputs and outputs of the model in the model's order.
"""

from collections.abc import Iterable

import onnx
from onnx import ValueInfoProto

from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.parameters import parameters
from worker.engine.outcome import FactValue


def in_place_of(model: onnx.ModelProto, student: onnx.ModelProto) -> Checkpoint:
    """A copy of `student` with inputs and outputs in the order of `model`, without traits.

    Both have inputs and outputs of the same names and types.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(student)
    doors = io_spec(model)
    inputs = _ordered(copy.graph.input, (tensor.name for tensor in doors.inputs))
    outputs = _ordered(copy.graph.output, (tensor.name for tensor in doors.outputs))
    del copy.graph.input[:], copy.graph.output[:]
    copy.graph.input.extend(inputs)
    copy.graph.output.extend(outputs)
    return Checkpoint(copy)


def replaced(
    name: str, model: onnx.ModelProto, student: onnx.ModelProto
) -> dict[str, FactValue]:
    """That another network stands there now, and how large both are."""
    return {
        "student": name,
        "parameters_of_the_model": parameters(model),
        "parameters_of_the_student": parameters(student),
    }


def _ordered(values: Iterable[ValueInfoProto], names: Iterable[str]) -> list[ValueInfoProto]:
    """Those of `names` first; what follows are inputs that constants fill."""
    left = {value.name: value for value in values}
    first = [left.pop(name) for name in names]
    return [*first, *left.values()]
