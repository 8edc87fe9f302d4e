"""MiniLM on STS-B: the sentences of 256 pairs to calibrate on, judged on 1,379 pairs."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.minilm import pairs
from benchmarks.nets.minilm import INPUTS, published, save
from benchmarks.peers.case import Arrays, Case
from worker.engine.measure.metrics import spearman

CALIBRATION = 256
MOST_LOST = 0.005
BATCH = 64
RUNS = 100


def stsb(data: Path, folder: Path) -> Case:
    """Write the files of the case into `folder`."""
    folder.mkdir()
    known, held_out, test = (_sides(pairs(data, part), part) for part in _PARTS)
    first = {name: array[:CALIBRATION] for name, array in known.items()}
    sentences = _sentences(first)
    np.savez(folder / "examples.npz", allow_pickle=False, **sentences)
    parts = {"calibration": sentences, "held_out": held_out}
    flat = {f"{part}/{name}": a for part, arrays in parts.items() for name, a in arrays.items()}
    np.savez(folder / "dataset.npz", allow_pickle=False, **flat)

    def score(session: ort.InferenceSession) -> float:
        a, b = (_embedded(session, _side(test, side)) for side in "ab")
        return spearman((a * b).sum(1), np.asarray(test["label"], np.float64))

    sentence = {name: array[:1] for name, array in _side(test, "a").items()}
    tokens = int(sentence["attention_mask"].sum())
    case = Case(
        name="MiniLM",
        folder=folder,
        task="similarity",
        metric="spearman",
        most_lost=MOST_LOST,
        transforms={},
        one={name: np.ascontiguousarray(array[:, :tokens]) for name, array in sentence.items()},
        runs=RUNS,
        score=score,
    )
    save(published(), case.model)
    return case


_PARTS = ("train", "dev", "test")


def _sides(arrays: Arrays, part: str) -> Arrays:
    return {name.removeprefix(f"{part}/"): array for name, array in arrays.items()}


def _side(arrays: Arrays, side: str) -> Arrays:
    return {name: arrays[f"{side}/{name}"] for name in INPUTS}


def _sentences(arrays: Arrays) -> Arrays:
    """Both sides of every pair as examples of their own, padded to one length."""
    longest = max(arrays[f"{side}/input_ids"].shape[1] for side in "ab")

    def padded(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.pad(array, ((0, 0), (0, longest - array.shape[1])))

    return {
        name: np.concatenate([padded(arrays[f"{side}/{name}"]) for side in "ab"])
        for name in INPUTS
    }


def _embedded(session: ort.InferenceSession, inputs: Arrays) -> NDArray[np.float64]:
    """Unit vectors (count, 384)."""
    count = len(inputs["input_ids"])
    parts = [
        session.run(None, {name: a[n : n + BATCH] for name, a in inputs.items()})[0]
        for n in range(0, count, BATCH)
    ]
    vectors: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
