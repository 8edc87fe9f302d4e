"""Teachers: models whose outputs are imitated, asked once for every example they are shown.

A changed copy of an example has a row of its own and always looks the same, so what a teacher
says about a row never changes within a run and is kept in a table, as long as all tables
together stay under TABLE_BYTES. Rows are asked about before the epoch that needs them and many
at a time: onnxruntime's threads and torch's would otherwise take turns at every step and wait
for each other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from worker.engine.context import Arrays, Context
from worker.engine.session import open_session, run
from worker.engine.train.batches import Batch, Rows

TABLE_BYTES = 512 << 20
Table = dict[str, NDArray[np.float32]]


@dataclass(slots=True)
class Teacher:
    """One model run by onnxruntime. `share` is its weight; all teachers' add up to 1."""

    name: str
    share: float
    session: ort.InferenceSession
    outputs: tuple[str, ...]
    known: NDArray[np.bool_]
    table: Table | None = None

    def says(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The outputs for a batch, on its device, without a gradient."""
        device = next(iter(batch.inputs.values())).device
        if self.table is not None and self.known[batch.rows].all():
            said = {name: array[batch.rows] for name, array in self.table.items()}
        else:
            said = self.ask(arrays(batch))
        return {name: torch.from_numpy(array).to(device) for name, array in said.items()}

    def ask(self, inputs: Arrays) -> Table:
        """Run the model."""
        wanted = {i.name for i in self.session.get_inputs()}
        said = run(self.session, {n: array for n, array in inputs.items() if n in wanted})
        return {name: said[name].astype(np.float32, copy=False) for name in self.outputs}

    def unasked(self, rows: Rows) -> Rows:
        """Those of `rows` whose answers belong in the table and are not there yet."""
        return rows[:0] if self.table is None else rows[~self.known[rows]]

    def study(self, pieces: Iterable[Batch], tick: Callable[[], None]) -> None:
        """Write down what the teacher says about each piece; `tick` is called now and then."""
        if self.table is None:
            return
        for piece in pieces:
            for name, array in self.ask(arrays(piece)).items():
                self.table[name][piece.rows] = array
            self.known[piece.rows] = True
            tick()


def judged(
    name: str, model: onnx.ModelProto, outputs: tuple[str, ...], threads: int
) -> Teacher:
    """A model that nobody learns from: it has no share in a lesson and no table."""
    return Teacher(name, 0.0, open_session(model, threads=threads), outputs, np.zeros(0, bool))


def arrays(batch: Batch) -> Arrays:
    """The inputs of a batch as onnxruntime takes them."""
    return {name: tensor.cpu().numpy() for name, tensor in batch.inputs.items()}


def teacher(
    name: str,
    share: float,
    model: onnx.ModelProto,
    example: Batch,
    student: dict[str, torch.Tensor],
    context: Context,
    extra: tuple[str, ...] = (),
) -> Teacher:
    """Open a teacher and see on one `example` that it can teach.

    `student` holds the outputs to imitate for the same example; what is `extra` is said
    besides. Raises StepImpossible for
    inputs the teacher asks for that the student does not have, and for outputs of another
    shape.
    """
    session = open_session(model, threads=context.threads)
    missing = {i.name for i in session.get_inputs()} - set(example.inputs)
    if missing:
        raise StepImpossible(
            f"the teacher {name!r} wants the input {min(missing)!r}, which the model lacks",
            param="teachers",
        )
    fixed = [i.name for i in session.get_inputs() if i.shape and isinstance(i.shape[0], int)]
    if fixed:
        raise StepImpossible(
            f"the teacher {name!r} fixes the batch size of its input {fixed[0]!r}, so it "
            "cannot be asked about batches",
            param="teachers",
        )
    wanted = tuple(dict.fromkeys((*student, *extra)))
    opened = Teacher(name, share, session, wanted, np.zeros(0, bool))
    offered = {o.name for o in session.get_outputs()}
    if not set(student) <= offered:
        raise StepImpossible(
            f"the teacher {name!r} has no output {min(set(student) - offered)!r}; it has "
            f"{', '.join(sorted(offered))}",
            param="teachers",
        )
    said = opened.says(example)
    for output, tensor in student.items():
        if said[output].shape != tensor.shape:
            raise StepImpossible(
                f"the teacher {name!r} gives {output!r} the shape {tuple(said[output].shape)}, "
                f"the model {tuple(tensor.shape)}",
                param="teachers",
            )
    return opened


def remember(teachers: Iterable[Teacher], example: Batch, rows: int) -> None:
    """Give every teacher a table for `rows` rows, if all fit under TABLE_BYTES."""
    teachers = list(teachers)
    said = [teacher.says(example) for teacher in teachers]
    bytes_a_row = sum(t.numel() * 4 for answer in said for t in answer.values())
    if bytes_a_row * rows > TABLE_BYTES:
        return
    for teacher, answer in zip(teachers, said, strict=True):
        teacher.known = np.zeros(rows, bool)
        teacher.table = {
            name: np.empty((rows, *tensor.shape[1:]), np.float32)
            for name, tensor in answer.items()
        }
