"""Two larger nets that learn from labels, and what they say about every image and copy."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.deep_compression.lessons import MILD, STRONG, Images
from benchmarks.deep_compression.mnist import Mnist
from benchmarks.deep_compression.networks import Teacher, export
from benchmarks.deep_compression.once import once
from benchmarks.deep_compression.one_cycle import one_cycle

TEACHERS = ("teacher-1", "teacher-2")
ANSWERS = "answers"


@once
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


@once
@torch.no_grad()
def ask_teachers(data: Path, out: Path, name: str, seed: int, copies: int) -> float:
    """Write the teachers' mean logits of every image and copy, (1 + copies, 60000, 10)
    float16, to `name`.npy; how many images were asked about."""
    teachers = []
    for teacher in TEACHERS:
        model = Teacher()
        model.load_state_dict(torch.load(out / f"{teacher}.pt", weights_only=True))
        teachers.append(model.to(memory_format=torch.channels_last).eval())
    mild = MILD.model_copy(update={"copies": copies})
    images = Images(Mnist.read(data), seed, mild, 500, own=0)
    answers = np.zeros((1 + copies, len(images.of.labels), 10), np.float16)
    for copy in range(1 + copies):
        for batch in images.copy(copy):
            shown = batch.images.to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                said = torch.stack([model(shown).float() for model in teachers]).mean(0)
            answers[copy, batch.rows % len(images.of.labels)] = said.numpy()
        print(f"seed {seed} teachers asked about copy {copy}/{copies}", flush=True)
    np.save(out / f"{name}.npy", answers)
    return float(len(answers) * len(images.parts.train))
