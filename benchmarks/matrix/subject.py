"""A trained network as two files: its ONNX and its data set, made once and kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.matrix.networks import NETWORKS
from benchmarks.matrix.networks.network import Arrays, Network

SEED = 7
SPLITS = {"train": 2000, "calibration": 256, "test": 1000}
BATCH = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the two files of a network lie, and the arrays of the split that judges."""

    network: Network
    model: Path
    data: Path

    def test(self) -> Arrays:
        """Inputs and labels of the test split."""
        with np.load(self.data) as data:
            names = [name for name in data.files if name.startswith("test/")]
            return {name.removeprefix("test/"): data[name] for name in names}


def subject(name: str, folder: Path) -> Subject:
    """The network of that name, trained unless `folder` has it already."""
    network = NETWORKS[name]
    model, data = folder / f"{name}.onnx", folder / f"{name}.npz"
    if not model.exists():
        folder.mkdir(parents=True, exist_ok=True)
        splits = dict(_splits(network))
        np.savez(
            data,
            **{
                f"{s}/{n}": array for s, arrays in splits.items() for n, array in arrays.items()
            },
        )
        export(network, trained(network, splits["train"]), model)
    return Subject(network, model, data)


def trained(network: Network, arrays: Arrays) -> nn.Module:
    """A new net after `network.epochs` of Adam over `arrays`; the same every time."""
    torch.manual_seed(SEED)
    model = network.make().train()
    steps = network.epochs * -(-len(arrays[network.inputs[0]]) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), network.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, network.lr, total_steps=steps)
    inputs = [torch.from_numpy(arrays[name]) for name in network.inputs]
    labels = {n: torch.from_numpy(network.label(arrays, n)) for n in network.outputs}
    for _ in range(network.epochs):
        for rows in torch.randperm(len(inputs[0])).split(BATCH):
            said = model(*(each[rows] for each in inputs))
            outputs = (said,) if isinstance(said, Tensor) else said
            loss = torch.stack(
                [
                    _loss(y, labels[n][rows])
                    for n, y in zip(network.outputs, outputs, strict=True)
                ]
            ).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def export(network: Network, model: nn.Module, path: Path) -> None:
    """Write ONNX of opset 18 whose first axis is free in every input."""
    shown = network.examples(np.random.default_rng(SEED), 2)
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        model,
        tuple(torch.from_numpy(shown[name]) for name in network.inputs),
        dynamo=True,
        verbose=False,
        opset_version=18,
        input_names=list(network.inputs),
        output_names=list(network.outputs),
        dynamic_shapes=tuple({0: batch} for _ in network.inputs),
    ).save(path, external_data=False)


def _splits(network: Network) -> Iterator[tuple[str, Arrays]]:
    """Of one draw, so that no example is in two of them."""
    drawn = network.examples(np.random.default_rng(SEED), sum(SPLITS.values()))
    start = 0
    for split, count in SPLITS.items():
        yield split, {name: array[start : start + count] for name, array in drawn.items()}
        start += count


def _loss(said: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy where labels are class numbers, else the squared error."""
    if label.dtype == torch.int64:
        return functional.cross_entropy(said, label)
    return functional.mse_loss(said, label)
