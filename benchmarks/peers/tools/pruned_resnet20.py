"""torch-pruning on ResNet-20: pruned_resnet20 DATA IMAGES EPOCHS TARGET.

Channels of half the multiply-accumulates go, the ones whose coupled groups have the least L2
norm; then as many epochs of SGD as Lathe's own job gets, on the same images with the usual
shifts and mirrors. IMAGES is an .npz of `image` (count, 32, 32, 3) uint8 and `label`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.nets.resnet import published, save

KEEP_MACS, STEPS = 0.5, 20
BATCH, LEARNING_RATE, MOMENTUM, DECAY = 128, 0.02, 0.9, 5e-4
SHIFT_PIXELS = 4
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
SEED = 0


def main(data: str, images: str, epochs: str, target: str) -> None:
    """Prune, train, export."""
    torch.manual_seed(SEED)
    net = published(Path(data))
    _prune(net)
    arrays = np.load(images)
    _train(net, _normal(arrays["image"]), torch.from_numpy(arrays["label"]), int(epochs))
    save(net, Path(target))


def _prune(net: nn.Module) -> None:
    one = torch.zeros(1, 3, 32, 32)
    whole, _ = torch_pruning.utils.count_ops_and_params(net, one)
    pruner = torch_pruning.pruner.MagnitudePruner(
        net,
        one,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=KEEP_MACS,
        iterative_steps=STEPS,
        ignored_layers=[net.linear],
    )
    for _ in range(STEPS):
        pruner.step()
        if torch_pruning.utils.count_ops_and_params(net, one)[0] <= KEEP_MACS * whole:
            return
    raise RuntimeError(f"more than {KEEP_MACS:.0%} of the work is left")


def _train(net: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Images (count, 3, 32, 32) float32, labels (count,) int64."""
    dice = torch.Generator().manual_seed(SEED)
    steps = epochs * (len(images) // BATCH)
    optimizer = torch.optim.SGD(
        net.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=DECAY, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=dice)
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[begin : begin + BATCH]
            loss = functional.cross_entropy(net(_moved(images[batch], dice)), labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch has no type for it
            optimizer.step()
            schedule.step()
    net.eval()


def _moved(images: Tensor, dice: torch.Generator) -> Tensor:
    """A batch, shifted by up to four pixels; half of the batches mirrored."""
    padded = functional.pad(images, [SHIFT_PIXELS] * 4)
    down, right = torch.randint(2 * SHIFT_PIXELS + 1, (2,), generator=dice).tolist()
    moved = padded[:, :, down : down + 32, right : right + 32]
    return moved.flip(3) if torch.rand((), generator=dice) < 1 / 2 else moved


def _normal(images: np.ndarray) -> Tensor:
    pixels = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


if __name__ == "__main__":
    main(*sys.argv[1:])
