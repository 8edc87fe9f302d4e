"""Removing weights by compressed sensing of each layer's responses."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import INPUTS, LayerId, Looks, Needs, Step


class PruneSensing(Step):
    """Give every layer the sparsest weights that still answer its inputs as it did.

    Layer by layer min ||W'||_1 subject to ||X W' - Y||_F <= error ||Y||_F, with inputs X of
    data.calibration, or of data.train, and responses Y; then least squares on the weights
    that are left. Aghasi et al., "Net-Trim", arXiv:1611.05162, before the activation.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["prune.sensing"] = "prune.sensing"
    error: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Largest relative error of a layer's responses, as a norm.",
    )
    sparsity: float | None = Field(
        None, gt=0, lt=1, description="Fraction of zeros in every layer, whatever the error."
    )
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose weights all stay, by layer id."
    )

    reestimate_norms: bool = Field(
        False,
        description="Take means and variances of BatchNorms anew afterwards, on inputs of "
        "data.calibration, or of data.train.",
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Inputs of every layer."""
        return INPUTS

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        if (self.error is None) == (self.sparsity is None):
            raise ValueError("give exactly one of error and sparsity")
        return self
