"""Calibration examples run through a model, batch by batch, of which some values are seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from lathe.views import Progress
from worker.engine.context import Arrays, Report, Samples
from worker.engine.measure.answers import batches, filled, fixed_batch
from worker.engine.session import open_session, run

BATCH = 32
BATCH_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Feed:
    """The calibration examples, and who hears how far they are: `passes` go over them."""

    samples: Samples
    threads: int
    progress: Report
    passes: int

    def run(self, model: onnx.ModelProto, batch_size: int, done: int) -> Iterator[Arrays]:
        """The model's outputs, batch by batch; `done` passes came before."""
        session = open_session(model, threads=self.threads)
        fixed = fixed_batch(session)
        for rows, inputs in batches(self.samples, fixed or batch_size):
            yield run(session, inputs if fixed is None else filled(inputs, fixed))
            fraction = (done + (rows[-1] + 1) / self.samples.count) / self.passes
            self.progress(Progress(fraction=fraction, message="calibrating"))

    def values(
        self, model: onnx.ModelProto, names: Iterable[str], done: int
    ) -> Iterator[Arrays]:
        """Float32 values of `model` by name, in batches that fit in memory."""
        probed = onnx.ModelProto()
        probed.CopyFrom(model)
        del probed.graph.output[:]
        probed.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
        )
        session = open_session(probed, threads=self.threads)
        fixed = fixed_batch(session)
        one = self.samples.inputs(np.zeros(1, np.int64))
        example = run(session, one if fixed is None else filled(one, fixed))
        each_bytes = max(1, sum(value.nbytes for value in example.values()))
        yield from self.run(probed, max(1, min(BATCH, BATCH_BYTES // each_bytes)), done)
