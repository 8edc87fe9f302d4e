"""A whole compression by the real engine in a child under the policy of a GPU's queue."""

from pathlib import Path

from lathe import ids
from lathe.job import JobSpec
from tests.services.worker.births import all_said, bear
from tests.services.worker.nets import examples, perceptron
from worker.folder import JobFolder, job_folder
from worker.nursery import Nursery
from worker.sandbox.walls import Policy
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

_JOB = "job_01k3aaaaaaaaaaaaaaaaaaaaaa"


def compressed(folder: Path, device: str) -> int:
    """Train and quantize a perceptron; the number of files that were handed over."""
    nursery = Nursery()
    try:
        return _compressed(nursery, folder, device)
    finally:
        nursery.close()


def _compressed(nursery: Nursery, folder: Path, device: str) -> int:
    files = {"net.onnx": perceptron(3), "data.npz": examples(64)}
    model = _ask(nursery, folder, InspectModel(upload="net.onnx"), files)
    assert isinstance(model, ModelInspected), model
    data = _ask(nursery, folder, InspectDataset(upload="data.npz"), files)
    assert isinstance(data, DatasetInspected), data
    dataset = ids.new("dat")
    spec = JobSpec.model_validate(
        {
            "model": ids.new("mdl"),
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "evaluation": {"dataset": dataset, "split": "train"},
            },
            "task": {"kind": "classification", "metrics": ["accuracy"]},
            "pipeline": [
                {"technique": "train.recover", "epochs": 1, "batch_size": 16},
                {"technique": "quantize.dynamic"},
            ],
            "benchmark": None,
        }
    )
    staged = StagedModel(canonical=model.canonical, facts=model.facts)
    task = Compress(
        spec=spec,
        model=staged,
        baseline=staged,
        datasets={dataset: StagedDataset(file=data.canonical, facts=data.facts)},
        device=device,
    )
    ending = _ask(nursery, folder, task, files)
    assert isinstance(ending, Compressed), ending
    return len(ending.files)


def _ask(nursery: Nursery, folder: Path, task: Task, files: dict[str, bytes]) -> Message:
    """The last that a child says of `task`; what it hands over is added to `files`."""
    with job_folder(folder, _JOB, 1) as job:
        for name, data in files.items():
            (job.inside / name).write_bytes(data)
        (job.inside / "task.json").write_text(task.model_dump_json())
        said = _said(nursery, folder, job)
        for file in job.out.iterdir():
            if file.is_file():
                files[file.name] = file.read_bytes()
    return said


def _said(nursery: Nursery, folder: Path, job: JobFolder) -> Message:
    policy = Policy(
        mode="required",
        read=(job.inside,),
        write=(job.out, job.path / "tmp"),
        memory_bytes=16 << 30,
        cpu_s=300,
        file_bytes=1 << 30,
        gpu=True,
    )
    _, pipe = bear(nursery, job, policy, folder / "timing.lock")
    heard = all_said(pipe)
    died = nursery.died(30)
    assert heard, (died, job.log_tail())
    return heard[-1]
