"""Baselines from scratch: two teachers, then both networks taught by them, for each seed.

python -m benchmarks.deep_compression.baselines --data FOLDER [--seeds 0,1,2] [--quick]

    teachers  9 epochs, AdamW one-cycle 4e-3, batch 128, label smoothing 0.05, each image
              changed anew every epoch (9 degrees, 9 %, 1.6 pixels, elastic 1.1 pixels)
    students  20 and 5 epochs, AdamW one-cycle 2e-3, batch 256, 0.9 T^2 KL at T = 2 to the
              teachers' mean logits + 0.1 cross-entropy; half of the images are one of 8
              milder copies (6 degrees, 6 %, 1 pixel, elastic 0.7 pixels)

Everything is written to build/deep_compression/seed-<n>/ and made once: teacher-1.onnx,
teacher-2.onnx, lenet-300-100.onnx, lenet-5.onnx, each with a .json of its error on the
held-out images and seconds, and baselines.json. No test image is looked at. With --quick
everything is shorter and lies in quick-<n>/.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.deep_compression.networks import LENET_5, LENET_300_100
from benchmarks.deep_compression.students import train_student
from benchmarks.deep_compression.teachers import ANSWERS, TEACHERS, ask_teachers, train_teacher

BUILD = Path("build/deep_compression")


@dataclass(frozen=True, slots=True)
class Effort:
    """Epochs of a teacher and of each student, and the copies that students see."""

    teacher: int
    students: dict[str, int]
    copies: int


FULL = Effort(9, {LENET_300_100: 20, LENET_5: 5}, copies=8)
QUICK = Effort(1, {LENET_300_100: 4, LENET_5: 1}, copies=1)


def folder(build: Path, seed: int, *, quick: bool = False) -> Path:
    """Where the files of one seed lie."""
    return build / f"{'quick' if quick else 'seed'}-{seed}"


def baselines(data: Path, build: Path, seed: int, *, quick: bool = False) -> Path:
    """The folder with the files of `seed`; what is there already is not trained again."""
    out = folder(build, seed, quick=quick)
    notes = out / "baselines.json"
    if notes.exists():
        return out
    out.mkdir(parents=True, exist_ok=True)
    effort = QUICK if quick else FULL
    begun_s = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        taught = {
            n: pool.submit(train_teacher, data, out, n, seed, effort.teacher) for n in TEACHERS
        }
        found = {f"{n} held-out error %": one.result() for n, one in taught.items()}
        ask_teachers(data, out, ANSWERS, seed, effort.copies)
        learnt = {
            n: pool.submit(train_student, data, out, n, seed, epochs)
            for n, epochs in effort.students.items()
        }
        found |= {f"{n} held-out error %": one.result() for n, one in learnt.items()}
    found["seconds"] = round(time.perf_counter() - begun_s, 1)
    notes.write_text(json.dumps(found, indent=1) + "\n")
    return out


def main() -> int:
    """Train what is missing and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--quick", action="store_true", help="an epoch or a few")
    said = parser.parse_args()
    for seed in map(int, said.seeds.split(",")):
        out = baselines(said.data, said.build, seed, quick=said.quick)
        print(f"seed {seed}: {(out / 'baselines.json').read_text()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
