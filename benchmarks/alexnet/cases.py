"""The pipelines that are compared: each technique alone, and all of them one after another.

Filters are what the convolutions have as output channels, neurons those of the fully connected
layers; only the latter are decomposed. The narrow net learns again where that is needed, and
its ranks are what its weights ask for. The whole one has random weights: nothing is learnt, and
since their energy lies evenly in all directions its ranks come from a budget.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.deep_compression.steps import CROPS, Step, Steps

NARROW, WHOLE = "narrow", "whole"
CONVOLUTIONS = tuple(f"conv{number}.weight" for number in range(1, 6))
CONNECTED = tuple(f"fc{number}.weight" for number in range(1, 4))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same in every case of a net. `recover` follows what cannot do without."""

    ranges: Steps
    rank: Step
    keep_macs: float
    keep_neurons: float
    recover: Steps
    profile: str


def quantized(asked: Asked) -> Steps:
    """8-bit integers, weights and activations asymmetric, ranges as a person gives them."""
    return [
        {
            "technique": "quantize.static",
            "weights": {"symmetric": False, "granularity": {"per": "tensor"}},
            "activations": {"symmetric": False},
            "calibration": {"method": "given", "ranges": asked.ranges},
        }
    ]


def filters(asked: Asked) -> Steps:
    """Filter pruning: whole output channels of the convolutions, by their l2 norm."""
    return [
        {
            "technique": "prune.channels",
            "keep_macs": asked.keep_macs,
            "round_to": 8,
            "protect": CONNECTED,
        }
    ]


def neurons(asked: Asked) -> Steps:
    """Structured pruning: whole neurons of the fully connected layers, by how seldom they
    fire."""
    return [{"technique": "prune.neurons", "keep_neurons": asked.keep_neurons, "round_to": 8}]


def svd(asked: Asked) -> Steps:
    """Each fully connected layer as two."""
    return [
        {
            "technique": "decompose.svd",
            "rank": asked.rank,
            "round_to": 8,
            "protect": CONVOLUTIONS,
        }
    ]


def recovered(steps: Callable[[Asked], Steps]) -> Callable[[Asked], Steps]:
    """What `steps` gives, and training behind it where the net learns."""
    return lambda asked: [*steps(asked), *asked.recover]


def together(asked: Asked) -> Steps:
    """All four, with training before the integers."""
    smaller = [*filters(asked), *neurons(asked), *svd(asked)]
    return [*smaller, *asked.recover, *quantized(asked)]


TOGETHER = "together"
CASES: dict[str, Callable[[Asked], Steps]] = {
    "quantized": quantized,
    "filters": recovered(filters),
    "neurons": recovered(neurons),
    "svd": recovered(svd),
    TOGETHER: together,
}


def pipeline(case: str, asked: Asked) -> Steps:
    """The case as a job has it, packed at the end."""
    return [*CASES[case](asked), {"technique": "encode.entropy", "profile": asked.profile}]


def recovery(*, quick: bool) -> Steps:
    """An epoch on the labels of shifted and mirrored images, norms restored meanwhile."""
    learn: Step = {
        "technique": "train.recover",
        "epochs": 1,
        "batch_size": 128,
        "optimizer": {"kind": "adam", "lr": 1e-3},
        "batch_norms": "restore",
        "augment": CROPS,
    }
    return [learn | ({"max_samples": 512} if quick else {})]
