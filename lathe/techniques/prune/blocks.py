"""Removing whole residual blocks."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.techniques.step import INPUTS, LayerId, Looks, Needs, Step


class PruneBlocks(Step):
    """Remove whole residual blocks: where y = x + f(x), y becomes x and f goes.

    A residual net is an ensemble of paths, most of which do without any one block: Veit,
    Wilber and Belongie, "Residual Networks Behave Like Ensembles of Relatively Shallow
    Networks", arXiv:1605.06431. In a transformer the attention and the perceptron of a layer
    are a block each. What is removed is chosen on inputs of data.calibration, or of data.train.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["prune.blocks"] = "prune.blocks"
    remove: int | None = Field(None, ge=1, le=1000, description="Blocks that go.")
    keep_macs: float | None = Field(
        None, gt=0, lt=1, description="Fraction of multiply-accumulates left at the end."
    )
    keep_parameters: float | None = Field(
        None, gt=0, lt=1, description="Fraction of parameters left at the end."
    )
    criterion: Literal["output", "cosine"] = Field(
        "output",
        description="Which goes next. output: the one without which the model's outputs change "
        "least, tried anew after each; cosine: the one whose input and output point most in "
        "the same direction (block influence of ShortGPT, Men et al., arXiv:2403.03853).",
    )
    samples: int = Field(64, ge=1, le=512, description="Examples that it looks at.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers that stay, by layer id; so do the blocks they are in."
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """What goes into the blocks and comes out of the model."""
        return INPUTS

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if [self.remove, self.keep_macs, self.keep_parameters].count(None) != 2:  # noqa: PLR2004
            raise ValueError("give exactly one of remove, keep_macs and keep_parameters")
        return self
