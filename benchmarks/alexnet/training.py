"""The narrow AlexNet from scratch: the dense net of the cases that are about accuracy.

python -m benchmarks.alexnet.training --data FOLDER [--seed 0]

    6 epochs of AdamW one-cycle 3e-3, weight decay 0.05, batch 128, one thread, products in
    bfloat16; half of the images are one of 3 copies, shifted by up to 4 pixels and mirrored

It is made once: build/alexnet/narrow-<seed>.onnx, and beside it a .json of its error on the
held-out train images and the seconds. No test image is looked at.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch.nn import functional

from benchmarks.alexnet.cifar import Cifar
from benchmarks.deep_compression.lessons import Images
from benchmarks.deep_compression.once import once
from benchmarks.deep_compression.one_cycle import one_cycle
from benchmarks.deep_compression.resnet20 import CROPS
from benchmarks.nets.alexnet import AlexNet32
from benchmarks.nets.export import save
from lathe.techniques.augment import Augment

BUILD = Path("build/alexnet")
SIDE = 32
EPOCHS, BATCH, PEAK, DECAY = 6, 128, 3e-3, 0.05


@once
def train(data: Path, out: Path, name: str, seed: int, epochs: int) -> float:
    """Train it, write ONNX; its held-out error in percent."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    images = Images(Cifar.read(data), seed, Augment.model_validate(CROPS), BATCH)
    model = AlexNet32().to(memory_format=torch.channels_last)
    optimizer, schedule = one_cycle(model, PEAK, DECAY, epochs * images.steps)
    for epoch in range(epochs):
        model.train()
        for batch in images.epoch(epoch, fresh=False):
            with torch.autocast("cpu", torch.bfloat16):
                said = model(batch.images.to(memory_format=torch.channels_last)).float()
            loss = functional.cross_entropy(said, batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"{name} epoch {epoch + 1}/{epochs}", flush=True)
    save(model, out / f"{name}.onnx", SIDE)
    return images.held_out_error(model)


def narrow(data: Path, build: Path, seed: int, *, quick: bool = False) -> Path:
    """The trained net, trained first where it is missing; with `quick` for one epoch."""
    build.mkdir(parents=True, exist_ok=True)
    name = f"{'quick' if quick else 'narrow'}-{seed}"
    error = train(data, build, name, seed, 1 if quick else EPOCHS)
    print(f"narrow AlexNet, seed {seed}: held-out error {error:.2f} %", flush=True)
    return build / f"{name}.onnx"


def main() -> int:
    """Train it where it is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alexnet.training")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    narrow(said.data, said.build, said.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
