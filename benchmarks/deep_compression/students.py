"""Both LeNets, taught by the teachers' answers and by labels."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.deep_compression.lessons import MILD, Images
from benchmarks.deep_compression.mnist import Mnist
from benchmarks.deep_compression.networks import STUDENTS, export
from benchmarks.deep_compression.once import once
from benchmarks.deep_compression.one_cycle import one_cycle
from benchmarks.deep_compression.teachers import ANSWERS

TEMPERATURE, SOFT = 2.0, 0.9


@once
def train_student(data: Path, out: Path, name: str, seed: int, epochs: int) -> float:
    """Train one on the teachers' answers and labels, write ONNX; its held-out error."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    answers = torch.from_numpy(np.load(out / f"{ANSWERS}.npy"))
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
