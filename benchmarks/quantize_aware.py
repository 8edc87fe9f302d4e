"""make bench-aware DATA=folder [ARGS=...]: ResNet-20 in integers, rounded and trained.

For 8, 4 and 2 bits a weight, over HTTP: quantize.aware with epochs 0, which rounds the
published net with calibrated ranges, beside the same step with training. Judged on the 10,000
test images of CIFAR-10 by the service, which also tells which kernels the runtime ran; trained
on those train images that the data folder holds (benchmarks/resnet20.py says where they lie).
Rows are kept in build/quantize_aware/, so a long run can be made in pieces (`--only 2/trained
--only 2/rounded`); table and benchmarks/results/quantize_aware.json hold all that are there.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks import pieces
from benchmarks.deep_compression import resnet20
from benchmarks.deep_compression.stage import LONGEST_S, Stage
from benchmarks.deep_compression.steps import CROPS, PACK, Step
from benchmarks.harness import Line, best, run

BITS, ROUNDED, TRAINED = (8, 4, 2), "rounded", "trained"
CASES = tuple(f"{bits}/{way}" for bits in BITS for way in (ROUNDED, TRAINED))
EPOCHS, IMAGES = {8: 1, 4: 2, 2: 4}, 8_000  # of the train part, an epoch
POINTS_LOST = {8: 0.5, 4: 1.0}  # at most, when trained
POINTS_GAINED_AT_2_BITS = 20.0  # at least, by training
CONVOLUTIONS = ("Conv", "FusedConv")
QUICK = {"epochs": 1, "max_samples": 512}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(pieces.Timed):
    """One finished job; `float_convolutions` are those that the runtime ran in floats."""

    packed_bytes: int
    float_convolutions: int


def step(case: str, *, quick: bool) -> Step:
    """The baseline teaches beside the labels; images are shifted and mirrored."""
    bits, way = case.split("/")
    made: Step = {"technique": "quantize.aware", "bits": int(bits)}
    if way == ROUNDED:
        return made | {"epochs": 0}
    learnt: Step = {
        "epochs": EPOCHS[int(bits)],
        "batch_size": 64,
        "max_samples": IMAGES,
        "optimizer": {"kind": "adam", "lr": 1e-3},
        "teachers": [{"model": "baseline"}],
        "loss": {"hard": 0.5, "logits": {"weight": 0.5, "temperature": 4}},
        "augment": CROPS,
    }
    return made | learnt | (QUICK if quick else {})


def row(stage: Stage, case: str, seed: int) -> Row:
    """Submit the job and read what the service found."""
    given = resnet20.given(stage, seed)
    begun_s = time.perf_counter()
    spec: dict[str, object] = {
        "name": f"aware-{case.replace('/', '-')}",
        "model": given.model,
        "pipeline": [step(case, quick=stage.quick), PACK],
        "seed": given.seed,
        "benchmark": {"runs": 50},
        "resources": {"max_run_s": LONGEST_S},
        **given.job,
    }
    report, file = run(stage.client, spec, stage.scratch / case)
    after = best(report)
    if after.packed is None:
        raise RuntimeError(f"the candidate {after.id} of {case} has no packed file")
    return Row(
        **pieces.timed(case, report, file, begun_s),
        packed_bytes=after.packed.size_bytes,
        float_convolutions=sum(after.float_operators.get(name, 0) for name in CONVOLUTIONS),
    )


def lines(rows: dict[str, Row]) -> Iterator[Line]:
    """What the rows that are there have to keep."""
    floats = sum(found.float_convolutions for found in rows.values())
    yield Line("convolutions that ran in floats", floats, 0, at_least=False)
    for bits, most in POINTS_LOST.items():
        if (found := rows.get(f"{bits}/{TRAINED}")) is not None:
            what = f"{bits} bits, trained: points of accuracy lost"
            yield Line(what, found.points_lost, most, at_least=False)
    rounded, trained = (rows.get(f"2/{way}") for way in (ROUNDED, TRAINED))
    if rounded is not None and trained is not None:
        gained = rounded.points_lost - trained.points_lost
        what = "2 bits: points gained by training"
        yield Line(what, gained, POINTS_GAINED_AT_2_BITS, at_least=True)


def show(rows: Iterable[Row]) -> None:
    """One line a row."""
    print(
        f"{'bits/way':<12}{'accuracy':>9}{'float':>9}{'held-out':>18}{'onnx':>9}{'packed':>9}"
        f"{'ms':>7}{'float':>7}{'float convs':>13}{'min':>7}"
    )
    for one in rows:
        print(
            f"{one.case:<12}{one.accuracy:>9.4f}{one.dense_accuracy:>9.4f}{one.held_out:>18}"
            f"{one.onnx_bytes:>9,}{one.packed_bytes:>9,}{one.latency_ms:>7.2f}"
            f"{one.dense_latency_ms:>7.2f}{one.float_convolutions:>13}{one.wall_s / 60:>7.1f}"
        )


if __name__ == "__main__":
    sys.exit(pieces.Pieces("quantize_aware", CASES, Row, row, show, lines).main())
