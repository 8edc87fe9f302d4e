"""What removing heads and removing hidden units have in common."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.step import INPUTS, LOSS, NOTHING, LayerId, Looks, Needs, Step

UnitCriterion = Literal["l2", "output", "gradient"]
LOOKS: dict[UnitCriterion, frozenset[Looks]] = {"output": INPUTS, "gradient": LOSS}


class Narrowing(Step):
    """Removes the least important units that lie along axes of the graph's tensors."""

    needs: ClassVar[Needs] = Needs()

    scope: Literal["layer", "global"] = Field(
        "global",
        description="global: all layers are compared, by scores relative to the layer's own; "
        "layer: every layer keeps the fraction of its own.",
    )
    criterion: UnitCriterion = Field(
        "l2",
        description="What importance is. l2: the norm of all weights that go with it. output: "
        "the size of what it adds to the layers that read it, on inputs of data.calibration, "
        "or of data.train. gradient: the derivative of the task's loss on data.train by a "
        "mask of it (Michel et al., arXiv:1905.10650, equation 3); every operator must have a "
        "trainable form for that.",
    )
    samples: int = Field(
        512,
        ge=1,
        le=100_000,
        description="Examples that gradient looks at; output looks at as many, 512 at most.",
    )
    protect: tuple[LayerId, ...] = Field(
        (),
        description="Layers that stay whole, by the id of any that would become narrower.",
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """For its criterion."""
        return LOOKS.get(self.criterion, NOTHING)
