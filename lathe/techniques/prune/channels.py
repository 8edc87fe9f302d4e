"""Removing whole channels and everything that is coupled to them."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import INPUTS, LOSS, NOTHING, LayerId, Looks, Needs, Step
from lathe.techniques.train import Distill, Recover

Retraining = Annotated[Recover | Distill, Field(discriminator="technique")]
UnitCriterion = Literal[
    "l1", "l2", "lamp", "fpgm", "bn_scale", "activation", "apoz", "taylor", "hessian"
]
ChannelCriterion = UnitCriterion | Literal["reconstruction"]
LOOKS: dict[ChannelCriterion, frozenset[Looks]] = {
    "reconstruction": INPUTS,
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
        "magnitude), apoz (zeros after the activation), reconstruction (the error that is left "
        "in the layers that read it once they are fitted anew to do without; they then are, "
        "and layers are compared by what they save). From labels of data.train: taylor, "
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
    refit: bool = Field(
        False,
        exclude_if=lambda asked: not asked,  # older workers do not know the key
        description="Fit the layers that read what is removed anew by least squares, on 512 "
        "inputs of data.calibration, or of data.train; with reconstruction always.",
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
        """For its criterion, the layers fitted anew and the norms."""
        looks = LOOKS.get(self.criterion, NOTHING)
        return looks | (INPUTS if self.reestimate_norms or self.refits else NOTHING)

    @property
    def refits(self) -> bool:
        """Whether layers are fitted anew."""
        return self.refit or self.criterion == "reconstruction"

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.keep_macs is None) == (self.keep_parameters is None):
            raise ValueError("give exactly one of keep_macs and keep_parameters")
        return self

    @model_validator(mode="after")
    def _scored_once(self) -> Self:
        if self.criterion == "reconstruction" and self.rounds > 1 and self.recover is None:
            raise ValueError(
                "rounds: reconstruction foresees all removals at once; leave it at 1, or "
                "train between the rounds with recover"
            )
        return self
