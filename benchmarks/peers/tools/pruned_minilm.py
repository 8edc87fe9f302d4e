"""torch-pruning on MiniLM: pruned_minilm TARGET.

A quarter of the neurons between each block's two matrices go, those of the least L2 norm, and
nothing is trained: STS-B is too small to teach an encoder from.
"""

import sys
from pathlib import Path

import torch
import torch_pruning

from benchmarks.nets.minilm import INPUTS, published, save

PRUNED = 0.25


def main(target: str) -> None:
    """Prune, export."""
    net = published()
    ids = torch.arange(1000, 1014).reshape(2, 7)
    inputs = dict(zip(INPUTS, (ids, torch.ones_like(ids), torch.zeros_like(ids)), strict=True))
    neurons = [
        module for name, module in net.named_modules() if name.endswith(".intermediate.dense")
    ]
    torch_pruning.pruner.MagnitudePruner(
        net,
        inputs,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=dict.fromkeys(neurons, PRUNED),
        forward_fn=lambda model, given: model(**given),
    ).step()
    save(net, Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
