"""Removing neurons of fully connected layers that seldom fire."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import INPUTS, LayerId, Looks, Needs, Step


class PruneNeurons(Step):
    """Remove hidden neurons of fully connected layers whose activation is zero most often.

    APoZ, the average percentage of zeros, is counted on inputs of data.calibration, or of
    data.train: Hu, Peng, Tai and Tang, "Network Trimming", arXiv:1607.03250, section 3.
    """

    needs: ClassVar[Needs] = Needs(torch_view=True)

    technique: Literal["prune.neurons"] = "prune.neurons"
    keep_neurons: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Fraction of the hidden neurons left at the end; all layers are compared.",
    )
    max_apoz: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Neurons go whose fraction of zeros is above this.",
    )
    round_to: int = Field(1, ge=1, le=256, description="Counts become multiples of this.")
    samples: int = Field(512, ge=1, le=512, description="Examples that zeros are counted on.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose neurons all stay, by layer id."
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Activations."""
        return INPUTS

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        if (self.keep_neurons is None) == (self.max_apoz is None):
            raise ValueError("give exactly one of keep_neurons and max_apoz")
        return self
