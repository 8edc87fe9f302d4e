"""`make bench-sharded`: 6 GB of images in shards train a net in a child of 2 GB.

The shards go up as one tar, which is made while it is sent; the service's child may allocate
2 GiB for the inspection and for the job. The anonymous memory (RssAnon) of every process is
looked at twenty times a second. Pages of the mapped file are told, not judged: the kernel takes
them back when it needs them.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.harness import Line, best, conclude, run, value
from benchmarks.large_data import IMAGE_BYTES, small_net
from benchmarks.rss import Watch
from benchmarks.sharded_data import SHARD_IMAGES, sharded_tar
from examples.service import Service, embedded
from lathe.client import Client
from lathe.facts import Transform
from lathe.report import Report
from lathe.states import UploadState
from lathe.views import DatasetView

MEMORY_BYTES = 2 << 30
DATA_BYTES = 6_000_000_000
TEST_SHARDS = 2
TRANSFORMS = '{"image": ' + Transform(scale=1 / 255).model_dump_json() + "}"


def main() -> int:
    """Run; 0 when it trained and the child held less than it may."""
    parser = argparse.ArgumentParser(prog="make bench-sharded")
    parser.add_argument("--bytes", type=int, default=DATA_BYTES, help="of images")
    asked = parser.parse_args()
    shards = -(-asked.bytes // (SHARD_IMAGES * IMAGE_BYTES))
    limits = {
        "LATHE_CHILD_MEMORY_BYTES": str(MEMORY_BYTES),
        "LATHE_INSPECT_MEMORY_BYTES": str(MEMORY_BYTES),
    }
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    try:
        small_net(scratch / "net.onnx")
        with (
            embedded(scratch / "data", environment=limits) as service,
            Watch(_service_pid()) as watch,
            Client(service.url, service.key) as client,
        ):
            began_s = time.perf_counter()
            dataset = _uploaded(client, service, shards)
            ready_s = time.perf_counter()
            report = _trained(client, dataset, scratch)
            ended_s = time.perf_counter()
    finally:
        shutil.rmtree(scratch)
    return _told(dataset, report, watch, (ready_s - began_s, ended_s - ready_s))


def _uploaded(client: Client, service: Service, shards: int) -> DatasetView:
    headers = {"Authorization": f"Bearer {service.key}"}
    with sharded_tar(shards - TEST_SHARDS, TEST_SHARDS) as pieces:
        answer = httpx.post(
            f"{service.url}/v1/datasets",
            params={"name": "shards", "transforms": TRANSFORMS},
            headers=headers,
            content=pieces,
            timeout=600,
        )
    answer.raise_for_status()
    view = DatasetView.model_validate(answer.json())
    while view.state is UploadState.PENDING:
        time.sleep(1)
        view = client.dataset(view.id)
    if view.state is not UploadState.READY:
        raise RuntimeError(f"the data set was rejected: {view.failure}")
    return view


def _trained(client: Client, dataset: DatasetView, scratch: Path) -> Report:
    model = client.upload_model(scratch / "net.onnx")
    spec: dict[str, object] = {
        "model": model.id,
        "data": {
            "train": {"dataset": dataset.id, "split": "train"},
            "evaluation": {"dataset": dataset.id, "split": "test"},
        },
        "task": {"kind": "classification"},
        "pipeline": [
            {
                "technique": "train.recover",
                "epochs": 1,
                "batch_size": 32,
                "optimizer": {"kind": "adam", "lr": 0.03},
            }
        ],
        "benchmark": None,
    }
    report, _ = run(client, spec, scratch / "out")
    return report


def _told(
    dataset: DatasetView, report: Report, watch: Watch, seconds: tuple[float, float]
) -> int:
    assert dataset.facts is not None
    assert dataset.summary is not None
    images = sum(split.examples for split in dataset.facts.splits)
    score = value(best(report), "accuracy")
    lines = [
        Line("images in all, GB", images * IMAGE_BYTES / 1e9, 6.0, at_least=True),
        Line("child: most RssAnon, GB", watch.anonymous["child"] / 1e9, 2.0, at_least=False),
        Line("accuracy behind one epoch", score, 0.8, at_least=True),
    ]
    print("RssAnon by role in MB:", _megabytes(watch.anonymous))
    print("pages of files by role in MB:", _megabytes(watch.mapped))
    return conclude(
        "sharded",
        lines,
        report.environment,
        images=images,
        uploaded_bytes=dataset.size_bytes,
        upload_and_inspection_s=seconds[0],
        job_s=seconds[1],
        rss_anon_bytes=watch.anonymous,
        rss_file_bytes=watch.mapped,
        classes=[each.model_dump() for each in dataset.summary.classes],
    )


def _service_pid() -> int:
    """The embedded service is this process's only child."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    (pid,) = children
    return int(pid)


def _megabytes(peaks: dict[str, int]) -> str:
    largest = sorted(peaks.items(), key=lambda item: -item[1])
    return ", ".join(f"{role} {size / 1e6:.0f}" for role, size in largest)


if __name__ == "__main__":
    sys.exit(main())
