"""A graph in pieces, cut before each layer, run one after the other with weights as inputs.

To quantize layer by layer, the inputs of every layer are wanted after the layers before it
have changed. Running the model from its start for each layer is quadratic in depth; here
what crosses a cut is kept for all examples, so all layers together cost one run. A piece is
opened once and serves any number of passes, because the weights are fed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from lathe.errors import StepImpossible
from worker.engine.context import Arrays
from worker.engine.graph.uses import reads
from worker.engine.layerwise.site import Floats, Site
from worker.engine.session import open_session

Weights = Mapping[str, Floats]


@dataclass
class Stage:
    """Nodes `start` to `end` of the graph; then the layers `sites` can be treated."""

    start: int
    end: int
    sites: tuple[Site, ...]
    keeps: tuple[str, ...]
    shows: tuple[str, ...]
    session: ort.InferenceSession | None = field(default=None, repr=False)


class Stages:
    """The pieces of `model`; the initializers `fed` are given at every run.

    `inputs_of` names the values that a site multiplies with (none for a plain site).
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        sites: Iterable[Site],
        fed: Iterable[str],
        inputs_of: Callable[[Site], tuple[str, ...]],
        threads: int,
    ) -> None:
        self._model = model
        self._threads = threads
        self._sites = tuple(sites)
        self._fed = frozenset(fed)
        self._made_at: dict[str, int] = {}
        self._last_read: dict[str, int] = {}
        for place, node in enumerate(model.graph.node):
            self._made_at.update((name, place + 1) for name in node.output if name)
            self._last_read.update((name, place) for name in reads(node))
        self.outputs = tuple(output.name for output in model.graph.output)
        self._last_read |= dict.fromkeys(self.outputs, len(model.graph.node))
        self.stages = self._cut(inputs_of)

    def run(self, stage: Stage, before: Arrays, weights: Weights) -> Arrays:
        """Values by name after `stage` for one batch, from those before it: what `keeps` and
        `shows` name. Before the first stage they are the model's inputs."""
        made = {n: v for n, v in before.items() if n in stage.keeps or n in stage.shows}
        wanted = [
            name for name in dict.fromkeys((*stage.keeps, *stage.shows)) if name not in made
        ]
        if not wanted:
            return made
        if stage.session is None:
            stage.session = open_session(
                self._piece(stage, before, wanted), threads=self._threads
            )
        fed = {
            door.name: weights[door.name] if door.name in self._fed else before[door.name]
            for door in stage.session.get_inputs()
        }
        for name, value in zip(wanted, stage.session.run(wanted, fed), strict=True):
            if not isinstance(value, np.ndarray):
                raise StepImpossible(
                    f"the value {name!r} is no tensor, and the model cannot be treated layer "
                    "by layer across it"
                )
            made[name] = value
        return made

    def kept_bytes(self, batch: Arrays, weights: Weights) -> int:
        """The most that one batch keeps between two stages."""
        values, most = batch, 0
        for stage in self.stages:
            values = self.run(stage, values, weights)
            most = max(most, sum(value.nbytes for value in values.values()))
        return most

    def reading(self, site: Site) -> int:
        """The index of the stage whose nodes read `site` first."""
        return next(k for k, s in enumerate(self.stages) if s.start <= site.first < s.end)

    def _cut(self, inputs_of: Callable[[Site], tuple[str, ...]]) -> tuple[Stage, ...]:
        ready: dict[int, list[Site]] = {}
        for site in self._sites:
            names = inputs_of(site)
            place = max((self._made_at.get(name, 0) for name in names), default=site.first)
            ready.setdefault(place, []).append(site)
        stages, start = [], 0
        for end in sorted({*ready, len(self._model.graph.node)}):
            here = tuple(ready.get(end, ()))
            shows = tuple(name for site in here for name in inputs_of(site))
            stages.append(Stage(start, end, here, self._crossing(end), shows))
            start = end
        return tuple(stages)

    def _crossing(self, end: int) -> tuple[str, ...]:
        """Values made before node `end` or fed to the model, and read from there on."""
        doors = [value.name for value in self._model.graph.input]
        constants = {tensor.name for tensor in self._model.graph.initializer}
        names = [name for name in doors if name not in constants]
        names += [name for name, place in self._made_at.items() if place <= end]
        return tuple(name for name in names if self._last_read.get(name, -1) >= end)

    def _piece(self, stage: Stage, before: Arrays, wanted: list[str]) -> onnx.ModelProto:
        nodes = self._model.graph.node[stage.start : stage.end]
        read = {name for node in nodes for name in reads(node)}
        graph = onnx.GraphProto(name=self._model.graph.name)
        graph.node.extend(nodes)
        for tensor in self._model.graph.initializer:
            if tensor.name not in read:
                continue
            if tensor.name in self._fed:
                graph.input.append(
                    helper.make_tensor_value_info(
                        tensor.name, tensor.data_type, list(tensor.dims)
                    )
                )
            else:
                graph.initializer.append(tensor)
        for name, value in before.items():
            if name in read:
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                graph.input.append(helper.make_tensor_value_info(name, kind, None))
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
        return onnx.ModelProto(
            ir_version=self._model.ir_version,
            opset_import=self._model.opset_import,
            functions=self._model.functions,
            graph=graph,
        )
