"""Which tensors of a module lie along a channel axis.

module                        axis      weight axis   beside it
Conv (O, I, *k)               out       0             bias
                              in        1
ConvTranspose (I, O, *k)      out       1             bias
                              in        0
depthwise, groups = I = O     through   0             bias
Linear (O, I)                 out       0             bias
                              in        1
norms, PReLU (C)              through   0             bias, running mean and variance
free tensor (.., C, 1, ..)    through   the last axis that is longer than 1
"""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from worker.engine.prune.coupling import Side
from worker.engine.view.modules import Free

CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CHANNEL_NORM = (
    *BATCH_NORM,
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
Kind = Literal[
    "conv", "transposed", "depthwise", "linear", "channel_norm", "layer_norm", "prelu"
]


@dataclass(frozen=True, slots=True)
class Strip:
    """One tensor of a module and its axis along the channels."""

    name: str
    axis: int
    trained: bool = True


BIAS = Strip("bias", 0)
STATISTICS = Strip("running_mean", 0, trained=False), Strip("running_var", 0, trained=False)
STRIPS: dict[tuple[Kind, Side], tuple[Strip, ...]] = {
    ("conv", "out"): (Strip("weight", 0), BIAS),
    ("conv", "in"): (Strip("weight", 1),),
    ("transposed", "out"): (Strip("weight", 1), BIAS),
    ("transposed", "in"): (Strip("weight", 0),),
    ("depthwise", "through"): (Strip("weight", 0), BIAS),
    ("linear", "out"): (Strip("weight", 0), BIAS),
    ("linear", "in"): (Strip("weight", 1),),
    ("channel_norm", "through"): (Strip("weight", 0), BIAS, *STATISTICS),
    ("layer_norm", "through"): (Strip("weight", 0), BIAS),
    ("prelu", "through"): (Strip("weight", 0),),
}
SIZES: dict[tuple[Kind, Side], tuple[str, ...]] = {
    ("conv", "out"): ("out_channels",),
    ("conv", "in"): ("in_channels",),
    ("transposed", "out"): ("out_channels",),
    ("transposed", "in"): ("in_channels",),
    ("depthwise", "through"): ("in_channels", "out_channels", "groups"),
    ("linear", "out"): ("out_features",),
    ("linear", "in"): ("in_features",),
    ("channel_norm", "through"): ("num_features",),
    ("layer_norm", "through"): ("normalized_shape",),
    ("prelu", "through"): ("num_parameters",),
}


def strips(module: nn.Module, side: Side) -> tuple[Strip, ...]:
    """Tensors along the `side` axis of `module`, the weight first; none if it cannot be cut."""
    if isinstance(module, Free):
        long = [axis for axis, size in enumerate(module.value.shape) if size > 1]
        return (Strip("value", long[-1]),) if long and side == "through" else ()
    kind = _kind(module)
    found = STRIPS.get((kind, side), ()) if kind else ()
    return tuple(strip for strip in found if getattr(module, strip.name) is not None)


def side_of(module: nn.Module, *, output: bool) -> Side:
    """How a channel axis of `module` is called: its output, its input, or neither."""
    if _kind(module) in {"conv", "transposed", "linear"}:
        return "out" if output else "in"
    return "through"


def is_depthwise(module: nn.Module) -> bool:
    """Whether every channel of a convolution is filtered alone, by one filter."""
    return (
        isinstance(module, CONV + TRANSPOSED)
        and module.groups == module.in_channels == module.out_channels
        and module.groups > 1
    )


def resize(module: nn.Module, side: Side, channels: int) -> dict[str, object]:
    """Make the sizes that `module` keeps beside its tensors agree; returns the old ones."""
    kind = _kind(module)
    names = SIZES[kind, side] if kind else ()
    old = {name: getattr(module, name) for name in names}
    for name in names:
        setattr(module, name, (channels,) if name == "normalized_shape" else channels)
    return old


def _kind(module: nn.Module) -> Kind | None:
    """None where channels cannot be cut: other modules, convolutions in several groups."""
    kind: Kind | None = None
    if is_depthwise(module):
        kind = "depthwise"
    elif isinstance(module, CONV) and module.groups == 1:
        kind = "conv"
    elif isinstance(module, TRANSPOSED) and module.groups == 1:
        kind = "transposed"
    elif isinstance(module, nn.Linear):
        kind = "linear"
    elif isinstance(module, CHANNEL_NORM):
        kind = "channel_norm"
    elif isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        kind = "layer_norm"
    elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
        kind = "prelu"
    return kind
