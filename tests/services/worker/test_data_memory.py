"""A data set larger than a child's memory limit goes through inspection and training."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.large_data import IMAGE_BYTES, large_data, small_net
from lathe import ids
from lathe.facts import Transform
from lathe.job import JobSpec
from tests.services.worker.births import all_said, bear
from worker.folder import JobFolder, job_folder
from worker.nursery import Nursery
from worker.sandbox.walls import Policy, available
from worker.wire import (
    Compress,
    Compressed,
    DatasetInspected,
    InspectDataset,
    InspectModel,
    Message,
    ModelInspected,
    StagedDataset,
    StagedModel,
    Task,
)

pytestmark = pytest.mark.skipif(
    bool(available().missing), reason=f"this kernel lacks {available().missing}"
)

MEMORY_BYTES = 768 << 20  # a quarter of a GiB is what the loaded libraries take of it
IMAGES = 5120  # of 192 KiB: 960 MiB
JOB = "job_01k3aaaaaaaaaaaaaaaaaaaaaa"


@dataclass
class House:
    """A nursery, where its children work, and the most anonymous memory that one had."""

    nursery: Nursery
    work: Path
    most_bytes: int = 0
    mapped_bytes: int = 0
    kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kept = self.work / "kept"
        self.kept.mkdir()

    def ask(self, task: Task, *names: str) -> Message:
        """Let a child perform `task` on the kept files `names`; what it hands over is kept."""
        with job_folder(self.work, JOB, 1) as job:
            for name in names:
                os.link(self.kept / name, job.inside / name)
            (job.inside / "task.json").write_text(task.model_dump_json())
            last = self._last(job)
            for file in job.out.iterdir():
                if file.is_file():
                    file.rename(self.kept / file.name)
        return last

    def _last(self, job: JobFolder) -> Message:
        policy = Policy(
            mode="required",
            read=(job.inside,),
            write=(job.out, job.path / "tmp"),
            memory_bytes=MEMORY_BYTES,
            cpu_s=300,
            file_bytes=2 << 30,
        ).with_staged(job.staged_bytes)
        pid, pipe = bear(self.nursery, job, policy, self.work / "timing.lock")
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(pid, over))
        watch.start()
        heard = all_said(pipe)
        over.set()
        watch.join()
        died = self.nursery.died(30)
        assert died is not None
        assert heard, (died, job.log_tail())
        return heard[-1]

    def _watch(self, pid: int, over: threading.Event) -> None:
        while not over.wait(0.02):
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:  # it is over
                return
            kib = {f[0]: int(f[1]) for f in map(str.split, lines) if f[0].startswith("Rss")}
            self.most_bytes = max(self.most_bytes, kib.get("RssAnon:", 0) * 1024)
            self.mapped_bytes = max(self.mapped_bytes, kib.get("RssFile:", 0) * 1024)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    nursery = Nursery()
    yield House(nursery, tmp_path)
    nursery.close()


def test_more_images_than_memory_are_taken_in_either_format_and_trained_on(
    house: House,
) -> None:
    transforms = {"image": Transform(scale=1 / 255)}
    large_data(house.kept / "data.npz", "npz", IMAGES)
    small_net(house.kept / "net.onnx")
    packed = house.ask(InspectDataset(upload="data.npz", transforms=transforms), "data.npz")
    assert isinstance(packed, DatasetInspected), packed
    (house.kept / "data.npz").unlink()
    (house.kept / packed.canonical).rename(house.kept / "again")
    data = house.ask(InspectDataset(upload="again", transforms=transforms), "again")
    assert isinstance(data, DatasetInspected), data
    assert (data.facts.splits, data.facts.format) == (packed.facts.splits, "safetensors")
    (house.kept / "again").unlink()
    model = house.ask(InspectModel(upload="net.onnx"), "net.onnx")
    assert isinstance(model, ModelInspected), model

    dataset = ids.new("dat")
    spec = JobSpec.model_validate(
        {
            "model": ids.new("mdl"),
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "evaluation": {"dataset": dataset, "split": "train", "samples": 64},
            },
            "task": {"kind": "classification", "metrics": ["accuracy"]},
            "pipeline": [{"technique": "train.recover", "epochs": 1, "batch_size": 32}],
            "benchmark": None,
        }
    )
    staged = StagedModel(canonical=model.canonical, facts=model.facts)
    datasets = {dataset: StagedDataset(file=data.canonical, facts=data.facts)}
    task = Compress(spec=spec, model=staged, baseline=staged, datasets=datasets)
    ending = house.ask(task, model.canonical, data.canonical)
    assert isinstance(ending, Compressed), ending
    assert house.most_bytes < MEMORY_BYTES < IMAGES * IMAGE_BYTES
    assert house.mapped_bytes > IMAGES * IMAGE_BYTES // 2  # so they were mapped, and on top
