"""Removing structure: whole channels and what is coupled to them."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import LayerId, Needs, Step


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

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.keep_macs is None) == (self.keep_parameters is None):
            raise ValueError("give exactly one of keep_macs and keep_parameters")
        return self
