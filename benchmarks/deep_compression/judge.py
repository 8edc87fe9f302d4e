"""A process that knows nothing but a packed file and test data: decode, run, score.

python -m benchmarks.deep_compression.judge FILE TEST.npz

FILE is packed, or ONNX to be judged as it is. TEST.npz holds `label` and the model's inputs
by name, or those of pairs as `a/<input>` and `b/<input>`. Prints one line of JSON: the score
(accuracy, or Spearman's rank correlation of the pairs' cosine with the labels), how many were
right, and of a packed file the seconds of decoding and the sha256 of what came out.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lathe.packed import unpack

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = 200
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the process found; `right` of `examples` for a classification."""

    score: float
    examples: int
    right: int | None
    sha256: str
    decode_s: float | None


def judged(file: Path, test: Path) -> Judged:
    """Judge `file` in a process of its own; raises CalledProcessError where that fails."""
    module = "benchmarks.deep_compression.judge"
    command = [sys.executable, "-m", module, str(file.resolve()), str(test.resolve())]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return Judged(**json.loads(said.stdout.splitlines()[-1]))


def answers(session: ort.InferenceSession, inputs: Arrays) -> NDArray[np.float32]:
    """The first output for every example."""
    count = len(next(iter(inputs.values())))
    found = [
        session.run(None, {n: array[start : start + TOGETHER] for n, array in inputs.items()})
        for start in range(0, count, TOGETHER)
    ]
    return np.concatenate([outputs[0] for outputs in found])


def score_of(session: ort.InferenceSession, test: Arrays) -> tuple[float, int | None]:
    """Accuracy and how many were right, or the rank correlation of pairs."""
    labels = test["label"]
    names = [entry.name for entry in session.get_inputs()]
    if all(name in test for name in names):
        said = answers(session, {name: test[name] for name in names})
        right = int((said.argmax(1) == labels).sum())
        return right / len(labels), right
    sides = (answers(session, {n: test[f"{side}/{n}"] for n in names}) for side in "ab")
    left, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return spearman((left * other).sum(1), labels), None


def spearman(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Rank correlation; equal values share the mean of their ranks."""
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def ranks(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """From 0; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[place]


def main() -> None:
    """Judge one file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("test", type=Path)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model, decode_s = said.file, None
        if said.file.suffix != ".onnx":
            model, begun_s = Path(scratch) / "decoded.onnx", time.perf_counter()
            unpack(said.file, model)
            decode_s = time.perf_counter() - begun_s
        with model.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        with np.load(said.test) as stored:
            test = dict(stored)
        score, right = score_of(session, test)
    found = {
        "score": score,
        "examples": len(test["label"]),
        "right": right,
        "sha256": sha256,
        "decode_s": decode_s,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
