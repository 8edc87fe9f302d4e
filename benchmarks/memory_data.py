"""`make bench-memory-data`: a data set several times larger than a job's memory trains a net.

An embedded service may allocate 1 GiB for an inspection and for a job. The same images come as
.npz and as .safetensors; each upload is inspected and then trained on for an epoch
(`train.recover`), while the anonymous memory (RssAnon) of every process is looked at twenty
times a second. Pages of the mapped file are told, not judged: the kernel takes them back when
it needs them.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from benchmarks.harness import Line, conclude, run
from benchmarks.large_data import IMAGE_BYTES, Format, large_data, small_net
from benchmarks.rss import Watch
from examples.service import embedded
from lathe.client import Client
from lathe.facts import Transform
from lathe.report import Report

MEMORY_BYTES = 1 << 30
DATA_BYTES = 4 << 30
TIMES_AT_LEAST = 3.0
PIXELS = Transform(scale=1 / 255)


def main() -> int:
    """Run; 0 when both trained and no process held more than it may."""
    parser = argparse.ArgumentParser(prog="make bench-memory-data")
    parser.add_argument("--bytes", type=int, default=DATA_BYTES, help="of images")
    asked = parser.parse_args()
    limits = {
        "LATHE_CHILD_MEMORY_BYTES": str(MEMORY_BYTES),
        "LATHE_INSPECT_MEMORY_BYTES": str(MEMORY_BYTES),
    }
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    lines, details = [], {}
    try:
        small_net(scratch / "net.onnx")
        for kind in get_args(Format):
            data = scratch / kind
            with embedded(data, environment=limits) as service, Watch(_service_pid()) as watch:
                with Client(service.url, service.key) as client:
                    began_s = time.perf_counter()
                    report = _through(client, scratch, kind, asked.bytes // IMAGE_BYTES)
                spent_s = time.perf_counter() - began_s
            shutil.rmtree(data)
            most = max(watch.anonymous.values())
            lines.append(
                Line(
                    f"{kind}: most RssAnon, of the limit",
                    most / MEMORY_BYTES,
                    1,
                    at_least=False,
                )
            )
            details[kind] = {
                "seconds": spent_s,
                "rss_anon_bytes": watch.anonymous,
                "rss_file_bytes": watch.mapped,
            }
            print(
                f"{kind}: {spent_s:.0f} s, RssAnon by role in MB:", _megabytes(watch.anonymous)
            )
            print(f"{kind}: pages of files by role in MB:", _megabytes(watch.mapped))
    finally:
        shutil.rmtree(scratch)
    times = asked.bytes / MEMORY_BYTES
    lines.append(Line("the data, times the limit", times, TIMES_AT_LEAST, at_least=True))
    return conclude("memory-data", lines, report.environment, bytes=asked.bytes, seen=details)


def _through(client: Client, scratch: Path, kind: Format, images: int) -> Report:
    """Upload, inspect, train for an epoch; the file is gone as soon as it is uploaded."""
    path = scratch / f"data.{kind}"
    large_data(path, kind, images)
    dataset = client.upload_dataset(path, transforms={"image": PIXELS})
    path.unlink()
    model = client.upload_model(scratch / "net.onnx")
    spec: dict[str, object] = {
        "model": model.id,
        "data": {
            "train": {"dataset": dataset.id, "split": "train"},
            "evaluation": {"dataset": dataset.id, "split": "train"},
        },
        "task": {"kind": "classification"},
        "pipeline": [{"technique": "train.recover", "epochs": 1, "batch_size": 32}],
        "benchmark": None,
    }
    report, _ = run(client, spec, scratch / f"out-{kind}")
    return report


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
