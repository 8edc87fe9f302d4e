"""Removing weights: whole channels and what is coupled to them, or single numbers."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import LayerId, Needs, Step
from lathe.techniques.train import Distill, DistillLoss, Recover, Taught, Teacher

Retraining = Annotated[Recover | Distill, Field(discriminator="technique")]


class PruneChannels(Step):
    """Remove the least important coupled groups of channels, until the budget is met.

    A group is everything that must go together (residual sums, concatenations, depthwise
    convolutions): Fang et al., "DepGraph", CVPR 2023, arXiv:2301.12900.
    """

    needs: ClassVar[Needs] = Needs(torch_view=True)

    technique: Literal["prune.channels"] = "prune.channels"
    criterion: Literal["l1", "l2", "taylor"] = Field(
        "l2", description="How a channel's importance is scored; taylor needs train data."
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
    samples: int = Field(512, ge=1, le=100_000, description="Examples that taylor looks at.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose output channels stay, by layer id."
    )
    recover: Retraining | None = Field(
        None,
        exclude_if=lambda recover: recover is None,  # older workers do not know the key
        description="Train like this after each round; the rounds then keep equal fractions.",
    )

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.keep_macs is None) == (self.keep_parameters is None):
            raise ValueError("give exactly one of keep_macs and keep_parameters")
        return self


class PruneWeights(Taught):
    """Set the weights that matter least to zero, and keep them zero from then on.

    With `epochs` 0 at once, as the weights are. Else while training: sparsity rises from what
    it is along s(t) = s_f + (s_i - s_f) (1 - t/n)^3 (Zhu and Gupta 2017, arXiv:1710.01878),
    and zeros on which the loss leans come back (Liu et al. 2021, arXiv:2106.10404);
    then the mask is fixed and the rest of the training repairs. Biases and norms stay.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["prune.weights"] = "prune.weights"
    criterion: Literal["magnitude", "threshold"] = Field(
        "magnitude",
        description="magnitude: the smallest go until `sparsity` is reached; threshold: all "
        "below `threshold` go.",
    )
    sparsity: float | None = Field(
        None, gt=0, lt=1, description="Fraction of zeros at the end; with magnitude."
    )
    threshold: float | None = Field(
        None, gt=0, le=1e6, description="Smallest magnitude that stays; with threshold."
    )
    unit: Literal["absolute", "std"] = Field(
        "std",
        description="What `threshold` counts in: the weights' own unit, or the standard "
        "deviation of the layer's weights as they came.",
    )
    scope: Literal["layer", "global"] = Field(
        "layer",
        description="layer: every layer becomes as sparse; global: all weights are compared, "
        "each by its share in the energy of those its layer would be left with (LAMP, Lee et "
        "al. 2021, arXiv:2010.07611). With magnitude.",
    )
    embeddings: bool = Field(False, description="Prune tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose weights all stay, by layer id."
    )
    epochs: int = Field(
        0, ge=0, le=10_000, description="Epochs of training while pruning; 0 prunes at once."
    )
    ramp: float = Field(
        0.6, gt=0, lt=1, description="Part of the training in which sparsity rises."
    )
    update_every: int = Field(
        50, ge=1, le=100_000, description="Training steps between two choices of the mask."
    )
    teachers: tuple[Teacher, ...] = Field((), max_length=8)
    loss: DistillLoss = Field(default_factory=lambda: DistillLoss(hard=1.0))

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        goal, other = ("sparsity", "threshold")[:: 1 if self.criterion == "magnitude" else -1]
        if getattr(self, goal) is None or getattr(self, other) is not None:
            raise ValueError(f"the criterion {self.criterion} takes {goal} and not {other}")
        if self.criterion == "threshold" and self.scope == "global":
            raise ValueError("a threshold is judged layer by layer; leave scope out")
        return self
