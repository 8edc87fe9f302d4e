"""Which technique may refuse which network, with what code and why: written before it is run.

Any other refusal misses the target, and so do more than a quarter of all cells. What a network
is made of allows a refusal, never how well a technique does on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LARGEST_SHARE = 0.25

STEP_IMPOSSIBLE, BUDGET_UNREACHABLE = "step_impossible", "budget_unreachable"
RECURRENT = ("lstm", "bi-gru")
TRANSFORMERS = ("vit", "bert")
EMBEDDED = ("bert", "recommender")
RESIDUAL = ("resnet", "mobilenet-v2", *TRANSFORMERS)
CONVOLUTIONAL = ("lenet-5", "resnet", "mobilenet-v2", "alexnet", "u-net", "two-in-two-out")
HIDDEN_RELU = (
    "lenet-300-100",
    "lenet-5",
    "alexnet",
    "mlp",
    "two-in-two-out",
    "recommender",
)
NETWORKS = (
    "lenet-300-100",
    "lenet-5",
    "resnet",
    "mobilenet-v2",
    "alexnet",
    "vit",
    "bert",
    "lstm",
    "bi-gru",
    "u-net",
    "mlp",
    "two-in-two-out",
    "recommender",
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A refusal by its codes and what in the network is the reason."""

    codes: frozenset[str]
    why: str


def _all_but(these: Iterable[str], why: str, *codes: str) -> dict[str, Allowed]:
    """The same refusal for every network that is not one of `these`."""
    taken = set(these)
    return {
        name: Allowed(frozenset(codes or (STEP_IMPOSSIBLE,)), why)
        for name in NETWORKS
        if name not in taken
    }


def _for(these: Iterable[str], why: str, *codes: str) -> dict[str, Allowed]:
    """The same refusal for each of `these`."""
    return _all_but(set(NETWORKS) - set(these), why, *codes)


FIXED_FORM = (
    "its weights are those of recurrent layers, whose form the runtime fixes; the answer layer "
    "has too few outputs to save anything"
)
NO_KERNEL = "it has no convolution whose kernel is larger than 1 x 1"
PATCHES = (
    "its one convolution cuts the image into patches that do not overlap; factors of it cost "
    "more than it does"
)
ALLOWED: dict[str, dict[str, Allowed]] = {
    "decompose.tucker": _all_but((*CONVOLUTIONAL, "vit"), NO_KERNEL) | _for(("vit",), PATCHES),
    "decompose.cp": _all_but((*CONVOLUTIONAL, "vit"), NO_KERNEL) | _for(("vit",), PATCHES),
    "decompose.svd": _for(RECURRENT, FIXED_FORM, STEP_IMPOSSIBLE, BUDGET_UNREACHABLE),
    "share.dictionary": _for(RECURRENT, FIXED_FORM),
    "share.kernels": _all_but(CONVOLUTIONAL, NO_KERNEL) | _for(("vit",), PATCHES),
    "prune.channels": _for(
        RECURRENT,
        "all channels belong to recurrent layers or are outputs; prune.units takes those",
        STEP_IMPOSSIBLE,
        BUDGET_UNREACHABLE,
    ),
    "prune.neurons": _all_but(
        HIDDEN_RELU,
        "it has no hidden fully connected layer whose activation is zero at times",
    ),
    "prune.heads": _all_but(TRANSFORMERS, "it has no attention heads"),
    "prune.units": _all_but(RECURRENT, "it has no recurrent layer"),
    "prune.embeddings": _all_but(EMBEDDED, "it has no table of embeddings"),
    "prune.blocks": _all_but(RESIDUAL, "it has no residual block that can be left out"),
}


def allowed(technique: str, network: str) -> Allowed | None:
    """The refusal that this cell may end with, if it may."""
    return ALLOWED.get(technique, {}).get(network)
