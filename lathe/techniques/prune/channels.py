"""Removing whole channels and everything that is coupled to them."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import INPUTS, LOSS, NOTHING, LayerId, Looks, Needs, Step
from lathe.techniques.train import Distill, Recover

Retraining = Annotated[Recover | Distill, Field(discriminator="technique")]
ChannelCriterion = Literal[
    "l1", "l2", "lamp", "fpgm", "bn_scale", "activation", "apoz", "taylor", "hessian"
]
LOOKS: dict[ChannelCriterion, frozenset[Looks]] = {
    "activation": INPUTS,
    "apoz": INPUTS,
    "taylor": LOSS,
    "hessian": LOSS,
}


class PruneChannels(Step):
    """Remove the least important coupled groups of channels, until the budget is met.

    A group is everything that must go together (residual sums, concatenations, depthwise
    convolutions): Fang et al., "DepGraph", CVPR 2023, arXiv:2301.12900.
    """

    needs: ClassVar[Needs] = Needs(torch_view=True)

    technique: Literal["prune.channels"] = "prune.channels"
    criterion: ChannelCriterion = Field(
        "l2",
        description="How a channel's importance is scored. From the weights: l1, l2, lamp "
        "(share in the energy of those left, compared across layers), fpgm (distance to the "
        "other filters of its layer), bn_scale (|scale| of its BatchNorms, compared across "
        "layers). From inputs of data.calibration, or of data.train: activation (mean "
        "magnitude), apoz (zeros after the activation). From labels of data.train: taylor, "
        "hessian (diagonal Fisher information).",
    )
    keep_macs: float | None = Field(
        None, gt=0, lt=1, description="Fraction of multiply-accumulates left at the end."
    )
    keep_parameters: float | None = Field(
        None, gt=0, lt=1, description="Fraction of parameters left at the end."
    )
    round_to: int = Field(
        1, ge=1, le=256, description="Channel counts become multiples of this."
    )
    rounds: int = Field(
        1, ge=1, le=50, description="Importance is scored anew this many times."
    )
    samples: int = Field(
        512,
        ge=1,
        le=100_000,
        description="Examples that taylor and hessian look at; activation and apoz look at "
        "as many, 512 at most.",
    )
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose output channels stay, by layer id."
    )
    reestimate_norms: bool = Field(
        False,
        exclude_if=lambda asked: not asked,  # older workers do not know the key
        description="Take means and variances of BatchNorms anew afterwards, on inputs of "
        "data.calibration, or of data.train.",
    )
    recover: Retraining | None = Field(
        None,
        exclude_if=lambda recover: recover is None,  # older workers do not know the key
        description="Train like this after each round; the rounds then keep equal fractions.",
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """For its criterion and the norms."""
        return LOOKS.get(self.criterion, NOTHING) | (
            INPUTS if self.reestimate_norms else NOTHING
        )

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.keep_macs is None) == (self.keep_parameters is None):
            raise ValueError("give exactly one of keep_macs and keep_parameters")
        return self
