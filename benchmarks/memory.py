"""`make bench-memory`: a 2.1 GB model goes through the service, and nobody holds it.

A made-up transformer with its weights as external data is uploaded, inspected, quantized to
dynamic int8 (`task: null, benchmark: null`) and downloaded. Meanwhile the anonymous memory
(RssAnon) of every process of the service is looked at twenty times a second; pages of mapped
files are told, not judged, as the kernel takes them back when it needs them. At the end the
downloaded file answers beside the uploaded one.
"""

import argparse
import math
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from benchmarks.harness import Line, conclude, run
from benchmarks.large_model import MODEL, VOCABULARY, large_model
from benchmarks.rss import Watch
from examples.service import embedded
from lathe.client import Client
from lathe.report import Report

WEIGHT_BYTES = 2_100_000_000
MOST_BYTES = 1_500_000_000
MEGABYTE = 1_000_000
LEAST_COSINE = 0.95
LOG_LINES = 8  # of the worker's, shown when the job fails
TOKENS = (2, 12)  # of the example that both files answer

Array = NDArray[np.float32]


@contextmanager
def _scratch(base: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lathe-bench-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _through(packed: Path, scratch: Path) -> tuple[Watch, dict[str, float], Report, Path]:
    """Upload, inspection, job and download: the watch, the seconds, the report, the file."""
    seconds: dict[str, float] = {}
    with (
        embedded(scratch / "data") as service,
        Watch(_service_pid()) as watch,
        Client(service.url, service.key) as client,
    ):
        start_s = time.perf_counter()
        model = client.upload_model(packed)
        seconds["upload and inspection"] = time.perf_counter() - start_s
        start_s = time.perf_counter()
        spec: dict[str, object] = {
            "model": model.id,
            "task": None,
            "benchmark": None,
            "pipeline": [{"technique": "quantize.dynamic"}],
        }
        try:
            report, file = run(client, spec, scratch / "out")
        except RuntimeError:
            log = scratch / "data" / "logs" / "worker-cpu.log"
            print("\n".join(log.read_text().splitlines()[-LOG_LINES:]), file=sys.stderr)
            raise
        seconds["job and download"] = time.perf_counter() - start_s
    return watch, seconds, report, file


def _service_pid() -> int:
    """The embedded service is this process's only child."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    (pid,) = children
    return int(pid)


def _answer(model: Path, tokens: NDArray[np.int64]) -> Array:
    """What a file answers, its weights used where they lie."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_prepacking", "1")
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(model), options)
    (scores,) = session.run(None, {"tokens": tokens})
    return np.asarray(scores, np.float32)


def _cosine(a: Array, b: Array) -> float:
    """Of all numbers of both; NaN where one is not finite."""
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def main() -> int:
    """Run; 0 when no process held too much and both files answer alike."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=WEIGHT_BYTES, help="of float weights")
    parser.add_argument("--scratch", type=Path, help="a folder with 12 GB to spare")
    asked = parser.parse_args()
    with _scratch(asked.scratch) as scratch:
        packed = large_model(scratch, asked.bytes)
        packed_bytes = packed.stat().st_size
        watch, seconds, report, file = _through(packed, scratch)
        shutil.rmtree(scratch / "data", ignore_errors=True)
        onnx.checker.check_model(str(file))
        tokens = np.random.default_rng(7).integers(0, VOCABULARY, TOKENS)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(scratch / "float")
        alike = _cosine(_answer(scratch / "float" / MODEL, tokens), _answer(file, tokens))
        lowered_bytes = file.stat().st_size
    print(f"{'peak by role':<24}{'RssAnon MB':>12}{'RssFile MB':>12}   {watch.looks} looks")
    for role in sorted(watch.anonymous, key=lambda name: -watch.anonymous[name]):
        anonymous, mapped = watch.anonymous[role] / MEGABYTE, watch.mapped[role] / MEGABYTE
        print(f"  {role:<22}{anonymous:>12.0f}{mapped:>12.0f}")
    print(f"uploaded {packed_bytes / 1e9:.2f} GB, downloaded {lowered_bytes / 1e9:.2f} GB")
    print(", ".join(f"{what} {spent_s:.1f} s" for what, spent_s in seconds.items()))
    lines = [
        Line(
            "most RssAnon of one process, MB",
            max(watch.anonymous.values()) / MEGABYTE,
            MOST_BYTES / MEGABYTE,
            at_least=False,
        ),
        Line("cosine of float and int8 answers", alike, LEAST_COSINE, at_least=True),
    ]
    return conclude(
        "memory",
        lines,
        report.environment,
        seconds=seconds,
        rss_anon_bytes=watch.anonymous,
        rss_file_bytes=watch.mapped,
        uploaded_bytes=packed_bytes,
        downloaded_bytes=lowered_bytes,
    )


if __name__ == "__main__":
    sys.exit(main())
