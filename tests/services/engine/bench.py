"""The engine's door in this process: folders, an ear and a lock, as a child has them."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lathe.facts import Transform
from worker.engine.measure.locks import TimingLock
from worker.engine.tasks import perform
from worker.wire import (
    Compress,
    DatasetInspected,
    InspectDataset,
    InspectModel,
    Message,
    ModelInspected,
    StagedDataset,
    StagedModel,
)


class Bench:
    """One job's folders below `folder`, and all that the engine says there."""

    def __init__(self, folder: Path) -> None:
        self.inside, self.out = folder / "in", folder / "out"
        self.inside.mkdir()
        self.out.mkdir()
        self.heard: list[Message] = []
        self.lock = TimingLock(os.open(folder / "lock", os.O_RDWR | os.O_CREAT))

    def perform(self, task: InspectModel | InspectDataset | Compress) -> object:
        """What comes of one task."""
        return perform(task, self.inside, self.out, self.heard.append, self.lock)

    def inspected(
        self, uploads: Path, transforms: Mapping[str, Transform] = MappingProxyType({})
    ) -> tuple[StagedModel, StagedDataset]:
        """`net.onnx` and `data.npz` of `uploads` through inspection, then placed in the job's
        own folder."""
        for name in ("net.onnx", "data.npz"):
            (self.inside / name).write_bytes((uploads / name).read_bytes())
        model = self.perform(InspectModel(upload="net.onnx"))
        assert isinstance(model, ModelInspected), model
        data = self.perform(InspectDataset(upload="data.npz", transforms=dict(transforms)))
        assert isinstance(data, DatasetInspected), data
        for name in (model.canonical, data.canonical):
            (self.out / name).rename(self.inside / name)
        return (
            StagedModel(canonical=model.canonical, uploaded="net.onnx", facts=model.facts),
            StagedDataset(file=data.canonical, facts=data.facts),
        )
