"""Rate against distortion: weights on a coarse grid, chosen by what their codes cost."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec
from lathe.techniques.encode import Profile
from lathe.techniques.step import LayerId, Needs
from lathe.techniques.train import (
    BASELINE,
    Adam,
    DistillLoss,
    LogitsLoss,
    Optimizer,
    Schedule,
    Taught,
)


def _adam() -> Adam:
    return Adam(lr=1.5e-3, betas=(0.9, 0.99))


def _loss() -> DistillLoss:
    return DistillLoss(hard=0.1, logits=LogitsLoss(weight=0.9, temperature=2.0))


class RateDistortion(Taught):
    """Train weights that are few multiples of a step, most of them zero.

    Two phases. While the rate grows, every weight is pushed toward zero by the bits that its
    code costs, loss + rate * bits; row and column densities give the bits. Then the zeros
    stay zero and the rest settles without that push. Steps are learned only in the beginning.
    """

    technique: Literal["train.rate_distortion"] = "train.rate_distortion"
    optimizer: Optimizer = Field(default_factory=_adam)
    batch_size: int = Field(256, ge=1, le=65_536)
    loss: DistillLoss = Field(default_factory=_loss)
    epochs: int = Field(20, ge=1, le=10_000, description="Epochs in which the rate grows.")
    settle_epochs: int = Field(10, ge=0, le=10_000, description="Epochs with fixed zeros.")
    schedule: Schedule = Field(
        "cosine", description="Learning rate of the settling epochs; constant before them."
    )
    rate: float = Field(
        6e-6, gt=0, le=1, description="Price of one bit of the file in units of the loss."
    )
    ramp: float = Field(
        0.75, ge=0, le=1, description="Part of `epochs` in which the rate grows 30-fold to it."
    )
    initial_step: float = Field(
        1.5,
        gt=0,
        le=100,
        description="First step in standard deviations of the weight; up to 2.5 for a net with "
        "far more weights than it needs, 0.6 after its channels were pruned.",
    )
    step_share: float = Field(
        0.15, ge=0, le=1, description="Part of `epochs` in which steps are learned."
    )
    most: int = Field(7, ge=1, le=127, description="Largest multiple of a step in a weight.")
    protect: tuple[LayerId, ...] = Field((), description="Layers that keep their floats.")
    drop_dead: bool = Field(
        True, description="Cut out channels and neurons that no weight reads or feeds any more."
    )
    sort_units: bool = Field(
        True,
        description="Put channels and neurons with most nonzero weights first, which codes "
        "better; not where an earlier step's zeros or codebooks have to stay in place.",
    )


class RateTarget(Spec):
    """When to stop: as small as this loss allows, or as good as this size allows."""

    max_drop: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="Most that the held-out score may lose against the job's baseline.",
    )
    max_bytes: int | None = Field(
        None,
        ge=1,
        description="Most that the packed file may hold; rounds then choose their own rate.",
    )
    profile: Profile = Field("small", description="How the file will be packed.")

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.max_drop is None and self.max_bytes is None:
            raise ValueError("give max_drop, max_bytes or both")
        return self


class ShareRateDistortion(Taught):
    """Give every weight the multiple of its step that is worth its bits.

    In rounds, where there are train data: a round weighs the curvature of the loss against
    the bits of each code (RDOQ), then fine-tunes with zeros and steps kept. Rounds go on while
    the target holds. Or by feedback, without training: steps by what the outputs feel of each
    layer, codes with error feedback (GPTQ) on a few inputs that need no labels, from
    data.calibration or else data.train; without any data, nearest codes.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["share.rate_distortion"] = "share.rate_distortion"
    assignment: Literal["rounds", "feedback"] | None = Field(
        None, description="Default: rounds where there are data.train, else feedback."
    )
    distortion: float | None = Field(
        None,
        gt=0,
        le=4,
        description="For feedback: share of the outputs' variance that independent rounding "
        "would cost, where a target's search begins; what feedback loses is less. Without any "
        "data, the share of each weight's mean square. Default 0.03, without data 0.002.",
    )
    optimizer: Optimizer = Field(default_factory=_adam)
    batch_size: int = Field(256, ge=1, le=65_536)
    loss: DistillLoss = Field(default_factory=_loss)
    epochs: int = Field(8, ge=0, le=10_000, description="Fine-tuning epochs of each round.")
    rate: float = Field(
        1e-6, gt=0, le=1, description="Price of one bit of the file in units of the loss."
    )
    rounds: int = Field(
        3, ge=1, le=100, description="Most rounds of choosing codes and fine-tuning."
    )
    growth: float = Field(
        1.5, ge=1, le=100, description="Factor on the rate after a round that held the target."
    )
    target: RateTarget | None = Field(
        None, description="When to stop; without one all rounds are made."
    )
    samples: int = Field(
        4000, ge=16, le=10_000_000, description="Examples that the curvature is taken from."
    )
    initial_step: float = Field(
        0.5, gt=0, le=100, description="Step in standard deviations of a weight without one."
    )
    most: int = Field(7, ge=1, le=127, description="Largest multiple of a step in a weight.")
    protect: tuple[LayerId, ...] = Field((), description="Layers that keep their floats.")
    drop_dead: bool = Field(
        True, description="Cut out channels and neurons that no weight reads or feeds any more."
    )

    @property
    def reference(self) -> str | None:
        """Whose score the target's drop is counted from, by its name as a teacher."""
        drops = self.target is not None and self.target.max_drop is not None
        return BASELINE if drops else None

    def trains(self, *, train: bool) -> bool:
        """Whether the step trains, in a job with or without `train` data."""
        return self.assignment == "rounds" or (self.assignment is None and train)
