"""A model tried on random inputs: its answers are what every rewriting must keep."""

import re
from collections.abc import Sequence

import onnx
import onnxruntime as ort
from onnx import helper

from lathe.facts import IoSpec
from worker.engine.context import Arrays
from worker.engine.gate import distance
from worker.engine.graph.io_spec import io_spec
from worker.engine.intake.random_inputs import (
    Sizes,
    Unfillable,
    index_bounds,
    random_inputs,
)
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.session import open_session, run

OTHER_SIZES = (32, 64, 48, 16, 224, 256, 128, 8, 24, 5, 2, 1)  # tried in this order
BATCHES = (2, 3, 1)
SEED = 20_611
RUNTIME_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
NUMBERS = "fiub"  # numpy kinds


class Trial:
    """One model's inputs and answers at up to three settings of its symbolic axes.

    `sizes` has batch 2, 3 and 1; the other symbolic axes have two different sizes where two
    of them run (`others_vary`). It is empty, and `why_not` says why, where none runs.
    `repeats` is false where the same inputs give other answers the second time.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.io: IoSpec = io_spec(model)
        self.below = index_bounds(model)
        self.why_not = ""
        self.sizes: list[Sizes] = []
        self.inputs: list[Arrays] = []
        self.answers: list[Arrays] = []
        session = open_session(model, optimise=False)
        free = any(not isinstance(d, int) for i in self.io.inputs for d in i.shape[1:])
        batched = any(i.shape and not isinstance(i.shape[0], int) for i in self.io.inputs)
        untried = list(OTHER_SIZES if free else OTHER_SIZES[:1])
        for batch in BATCHES if batched or free else BATCHES[:1]:
            sizes = [Sizes(batch, o) for o in (*untried, *(s.other for s in self.sizes))]
            works = next((s for s in sizes if self._try(session, s)), None)
            if free and works is not None and works.other in untried:
                untried = untried[untried.index(works.other) + 1 :]
        self.repeats = not self.sizes or (
            distance(self.answers[0], run(session, self.inputs[0])) <= 1
        )
        self.others_vary = not free or len({s.other for s in self.sizes}) > 1

    def _try(self, session: ort.InferenceSession, sizes: Sizes) -> bool:
        try:
            inputs = random_inputs(self.io, self.below, sizes, SEED + len(self.sizes))
            answers = run(session, inputs)
        except (*LOAD_ERRORS, Unfillable) as error:
            said = RUNTIME_CODE.sub("", " ".join(str(error).split()))
            self.why_not = self.why_not or said[:200]
            return False
        text = [name for name, answer in answers.items() if answer.dtype.kind not in NUMBERS]
        if text:
            self.why_not = f"the output {text[0]!r} is text"
            return False
        self.sizes.append(sizes)
        self.inputs.append(inputs)
        self.answers.append(answers)
        return True

    def keeps(self, candidate: onnx.ModelProto, within: float = 1.0) -> bool:
        """Whether `candidate` passes the fidelity gate, opened so wide, at every setting."""
        try:
            session = open_session(candidate, optimise=False)
            return all(
                distance(expected, run(session, inputs)) <= within
                for inputs, expected in zip(self.inputs, self.answers, strict=True)
            )
        except LOAD_ERRORS:
            return False


def observe(model: onnx.ModelProto, names: list[str], inputs: Sequence[Arrays]) -> list[Arrays]:
    """The values of these names in one run for each of `inputs`, outputs or not."""
    graph = model.graph
    count = len(graph.output)
    present = {output.name for output in graph.output}
    graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in present)
    try:
        session = open_session(model, optimise=False)
    finally:
        del graph.output[count:]
    return [dict(zip(names, session.run(names, values), strict=True)) for values in inputs]


def observed_shapes(
    model: onnx.ModelProto, names: list[str], inputs: Sequence[Arrays]
) -> list[dict[str, tuple[int, ...]]]:
    """The shapes that these values have in one run for each of `inputs`."""
    graph = model.graph
    count = len(graph.node)
    probes = {f"lathe_shape_of_{k}": name for k, name in enumerate(names)}
    graph.node.extend(
        helper.make_node("Shape", [name], [probe]) for probe, name in probes.items()
    )
    try:
        runs = observe(model, list(probes), inputs)
    finally:
        del graph.node[count:]
    return [
        {probes[probe]: tuple(int(d) for d in shape) for probe, shape in run.items()}
        for run in runs
    ]
