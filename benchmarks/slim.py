"""make bench-slim DATA=folder [ARGS=...]: half the work, and int8 on top of it.

The published ResNet-20 and ResNet-56 of CIFAR-10, over HTTP: channels go by reconstruction
until half of the multiply-accumulates are left, the original teaches what is left on at most
150,000 train images, and static int8 follows. Beside them each of the two alone. Judged on the
10,000 test images by the service. A job whose first steps another one had has them from the
cache. benchmarks/resnet20.py says where the data lies. Rows are kept in build/slim/, so that a
long run can be made in pieces (`--only 56/half`).
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks import pieces
from benchmarks.deep_compression.stage import LONGEST_S, Stage
from benchmarks.deep_compression.steps import Step, Steps
from benchmarks.harness import Line, run
from benchmarks.nets.resnet import published, save
from benchmarks.resnet20 import PIXELS, images, train_images

LAYERS = (20, 56)
WAYS = ("half", "int8", "half-int8")
CASES = tuple(f"{layers}/{way}" for layers in LAYERS for way in WAYS)
MOST_SEEN = 150_000
AUGMENT: Step = {  # the original knows its train images by heart; turned ones it thinks about
    "shift_pixels": 4,
    "flip": True,
    "rotate_degrees": 12,
    "scale": 0.15,
    "copies": 4,
    "unchanged": 0.5,
}
LESSONS: Mapping[int, Step] = {  # an epoch of the deeper one takes three times as long
    20: {
        "epochs": 3,
        "optimizer": {"kind": "sgd", "lr": 0.003, "momentum": 0.9, "weight_decay": 1e-3},
        "loss": {"hard": 0.3, "logits": {"weight": 0.7, "temperature": 4}},
        "augment": AUGMENT | {"copies": 8},
    },
    56: {"epochs": 3, "max_samples": 36_000},
}
POINTS_LOST = {20: 2.0, 56: 1.5}
HALF, SMALLER, AS_FAST = 0.5, 6.0, 1.05
PRUNE: Step = {
    "technique": "prune.channels",
    "criterion": "reconstruction",
    "keep_macs": HALF,
    "round_to": 4,  # what integer kernels take at once
}
TEACH: Step = {
    "technique": "train.distill",
    "batch_size": 128,
    "optimizer": {"kind": "sgd", "lr": 0.003, "momentum": 0.9},
    "hold_out": 0.02,
    "loss": {"hard": 0.1, "logits": {"weight": 0.9, "temperature": 4}},
    "augment": AUGMENT,
    "batch_norms": "restore",
}
INT8: Step = {"technique": "quantize.static"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(pieces.Timed):
    """One finished job. `macs_left` is the share that pruning left, `seen` how many train
    images all epochs showed; both None where nothing was pruned."""

    macs_left: float | None
    seen: int | None
    dense_bytes: int

    @property
    def time(self) -> float:
        """Latency at batch 1 over that of the float model in the same job."""
        return self.latency_ms / self.dense_latency_ms


def row(stage: Stage, case: str, seed: int) -> Row:
    """Submit the job and read what the service found."""
    layers, way = case.split("/")
    dense = stage.scratch / f"resnet{layers}.onnx"
    if not dense.exists():
        save(published(stage.data, 20 if layers == "20" else 56), dense)
    begun_s = time.perf_counter()
    dataset = _dataset(stage)
    spec: dict[str, object] = {
        "name": f"slim-{case.replace('/', '-')}",
        "model": stage.model(dense),
        "data": {
            "train": {"dataset": dataset, "split": "train"},
            "calibration": {"dataset": dataset, "split": "train", "samples": 512},
            "evaluation": {"dataset": dataset, "split": "test"},
        },
        "task": {"kind": "classification"},
        "pipeline": _steps(int(layers), way, quick=stage.quick),
        "seed": seed,
        "benchmark": {"runs": 200},
        "resources": {"max_run_s": LONGEST_S},
    }
    report, file = run(stage.client, spec, stage.scratch / case)
    seen = pieces.number(report, "examples_seen")
    return Row(
        **pieces.timed(case, report, file, begun_s),
        macs_left=pieces.number(report, "macs_left"),
        seen=None if seen is None else int(seen),
        dense_bytes=dense.stat().st_size,
    )


def _dataset(stage: Stage) -> str:
    train, train_labels = train_images(stage.data)
    test, test_labels = images(stage.data, "test_batch.png", "test_lables.json")
    arrays = {
        "train/image": train,
        "train/label": train_labels,
        "test/image": test,
        "test/label": test_labels,
    }
    return stage.dataset("cifar10", arrays, {"image": PIXELS})


def _steps(layers: int, way: str, *, quick: bool) -> Steps:
    teach = TEACH | LESSONS[layers] | ({"epochs": 1, "max_samples": 512} if quick else {})
    half: Steps = [PRUNE, teach] if way.startswith("half") else []
    return half + ([INT8] if way.endswith("int8") else [])


def lines(rows: Mapping[str, Row]) -> Iterator[Line]:
    """What the rows that are there have to keep."""
    for layers, most in POINTS_LOST.items():
        half, alone, both = (
            rows.get(f"{layers}/{way}") for way in ("half", "int8", "half-int8")
        )
        name = f"ResNet-{layers}"
        if half is not None:
            yield Line(f"{name}: share of the MACs", half.macs_left or 1, HALF, at_least=False)
            yield Line(f"{name}: images seen", half.seen or 0, MOST_SEEN, at_least=False)
            yield Line(f"{name}: points lost", half.points_lost, most, at_least=False)
        if both is not None:
            smaller = both.dense_bytes / both.onnx_bytes
            yield Line(f"{name}, int8: times smaller", smaller, SMALLER, at_least=True)
        if half is not None and alone is not None and both is not None:
            ratio = both.time / min(half.time, alone.time)
            what = f"{name}, int8: latency, better alone = 1"
            yield Line(what, ratio, AS_FAST, at_least=False)


def show(rows: Iterable[Row]) -> None:
    """One line a row."""
    print(
        f"{'layers/way':<14}{'accuracy':>9}{'float':>8}{'MACs':>7}{'held-out':>18}{'onnx':>11}"
        f"{'smaller':>9}{'ms':>8}{'of float':>10}{'min':>7}"
    )
    for one in rows:
        print(
            f"{one.case:<14}{one.accuracy:>9.4f}{one.dense_accuracy:>8.4f}"
            f"{one.macs_left or 1:>7.3f}{one.held_out:>18}{one.onnx_bytes:>11,}"
            f"{one.dense_bytes / one.onnx_bytes:>9.2f}{one.latency_ms:>8.3f}{one.time:>10.3f}"
            f"{one.wall_s / 60:>7.1f}"
        )


if __name__ == "__main__":
    sys.exit(pieces.Pieces("slim", CASES, Row, row, show, lines).main())
