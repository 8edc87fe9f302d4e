"""Baselines from scratch: two teachers, then both networks taught by them, for each seed.

python -m benchmarks.deep_compression.baselines --data FOLDER [--seeds 0,1,2] [--quick]

    teachers  9 epochs, AdamW one-cycle 4e-3, batch 128, label smoothing 0.05, each image
              changed anew every epoch (9 degrees, 9 %, 1.6 pixels, elastic 1.1 pixels)
    students  20 and 5 epochs, AdamW one-cycle 2e-3, batch 256, 0.9 T^2 KL at T = 2 to the
              teachers' mean logits + 0.1 cross-entropy; half of the images are one of 8
              milder copies (6 degrees, 6 %, 1 pixel, elastic 0.7 pixels)

Everything is written to build/deep_compression/seed-<n>/ and made once: teacher-1.onnx,
teacher-2.onnx, lenet-300-100.onnx, lenet-5.onnx and baselines.json with errors on the
held-out images and seconds. No test image is looked at. With --quick everything is shorter
and lies in quick-<n>/.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.deep_compression.lessons import MILD, STRONG, Images
from benchmarks.deep_compression.mnist import Mnist
from benchmarks.deep_compression.networks import (
    LENET_5,
    LENET_300_100,
    STUDENTS,
    Teacher,
    export,
)

BUILD = Path("build/deep_compression")
TEACHERS = ("teacher-1", "teacher-2")
TEMPERATURE, SOFT = 2.0, 0.9


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


def one_cycle(
    model: nn.Module, peak: float, decay: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW whose rate climbs for a fifth of the steps and then falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), peak, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=steps, pct_start=0.2
    )
    return optimizer, schedule


def train_teacher(data: Path, out: Path, name: str, seed: int, epochs: int) -> float:
    """Train one on labels, write its weights and ONNX; its held-out error in percent."""
    torch.set_num_threads(1)
    torch.manual_seed(1000 * seed + TEACHERS.index(name))
    images = Images(Mnist.read(data), seed, STRONG, 128, own=TEACHERS.index(name))
    model = Teacher().to(memory_format=torch.channels_last)
    optimizer, schedule = one_cycle(model, 4e-3, 0.02, epochs * images.steps)
    for epoch in range(epochs):
        model.train()
        for batch in images.epoch(epoch, fresh=True):
            with torch.autocast("cpu", torch.bfloat16):
                said = model(batch.images.to(memory_format=torch.channels_last)).float()
            loss = functional.cross_entropy(said, batch.labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"seed {seed} {name} epoch {epoch + 1}/{epochs}", flush=True)
    error = images.held_out_error(model)
    torch.save(model.state_dict(), out / f"{name}.pt")
    export(model, out / f"{name}.onnx")
    return error


@torch.no_grad()
def ask_teachers(data: Path, out: Path, seed: int, copies: int) -> None:
    """Write the teachers' mean logits of every image and copy, (1 + copies, 60000, 10)
    float16."""
    teachers = []
    for name in TEACHERS:
        model = Teacher()
        model.load_state_dict(torch.load(out / f"{name}.pt", weights_only=True))
        teachers.append(model.to(memory_format=torch.channels_last).eval())
    mild = MILD.model_copy(update={"copies": copies})
    images = Images(Mnist.read(data), seed, mild, 500, own=0)
    answers = np.zeros((1 + copies, len(images.mnist.images), 10), np.float16)
    for copy in range(1 + copies):
        for batch in images.copy(copy):
            shown = batch.images.to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                said = torch.stack([model(shown).float() for model in teachers]).mean(0)
            answers[copy, batch.rows % len(images.mnist.images)] = said.numpy()
        print(f"seed {seed} teachers asked about copy {copy}/{copies}", flush=True)
    np.save(out / "answers.npy", answers)


def train_student(data: Path, out: Path, name: str, seed: int, epochs: int) -> float:
    """Train one on the teachers' answers and labels, write ONNX; its held-out error."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    answers = torch.from_numpy(np.load(out / "answers.npy"))
    mild = MILD.model_copy(update={"copies": len(answers) - 1})
    answers = answers.flatten(0, 1)
    images = Images(Mnist.read(data), seed, mild, 256, own=0)
    model = STUDENTS[name]()
    optimizer, schedule = one_cycle(model, 2e-3, 1e-4, epochs * images.steps)
    for epoch in range(epochs):
        model.train()
        for batch in images.epoch(epoch, fresh=False):
            said = model(batch.images)
            taught = answers[torch.from_numpy(batch.rows)].float()
            soft = functional.kl_div(
                functional.log_softmax(said / TEMPERATURE, 1),
                functional.log_softmax(taught / TEMPERATURE, 1),
                reduction="batchmean",
                log_target=True,
            )
            hard = functional.cross_entropy(said, batch.labels)
            loss = SOFT * TEMPERATURE**2 * soft + (1 - SOFT) * hard
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"seed {seed} {name} epoch {epoch + 1}/{epochs}", flush=True)
    export(model, out / f"{name}.onnx")
    return images.held_out_error(model)


def baselines(data: Path, build: Path, seed: int, *, quick: bool = False) -> Path:
    """The folder with the files of `seed`; what is there already is not trained again."""
    out = folder(build, seed, quick=quick)
    notes = out / "baselines.json"
    if notes.exists():
        return out
    out.mkdir(parents=True, exist_ok=True)
    effort = QUICK if quick else FULL
    begun_s = time.perf_counter()
    found: dict[str, float | str] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        taught = {
            n: pool.submit(train_teacher, data, out, n, seed, effort.teacher) for n in TEACHERS
        }
        found |= {f"{n} held-out error %": one.result() for n, one in taught.items()}
        found["teachers s"] = time.perf_counter() - begun_s
        ask_teachers(data, out, seed, effort.copies)
        found["teachers asked s"] = time.perf_counter() - begun_s
        learnt = {
            n: pool.submit(train_student, data, out, n, seed, epochs)
            for n, epochs in effort.students.items()
        }
        found |= {f"{n} held-out error %": one.result() for n, one in learnt.items()}
    found["all s"] = time.perf_counter() - begun_s
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
