"""What every pipeline step shares: an id, the phase it runs in and what it needs."""

from enum import IntEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from lathe.spec import Spec

StepId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
LayerId = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Looks = Literal["loss", "inputs", "given"]
LOSS: frozenset[Looks] = frozenset({"loss"})
INPUTS: frozenset[Looks] = frozenset({"inputs"})
GIVEN: frozenset[Looks] = frozenset({"given"})
NOTHING: frozenset[Looks] = frozenset()


class Phase(IntEnum):
    """Steps run in this order: floats first, then the runtime's types, then coding."""

    FLOAT = 1
    LOWER = 2
    ENCODE = 3


class Needs(Spec):
    """What must stand in `data` before a step can run."""

    train: bool = False
    calibration: bool = False
    labels: bool = False
    torch_view: bool = Field(False, description="Every operator must have a trainable form.")


class Step(Spec):
    """One entry of `pipeline`. `id` names it in progress, report and errors."""

    phase: ClassVar[Phase] = Phase.FLOAT
    needs: ClassVar[Needs] = Needs()
    revision: ClassVar[int] = 1  # raise it when the same spec gives another result

    id: StepId | None = Field(None, description="Default: the technique's name and position.")

    @property
    def looks_at(self) -> frozenset[Looks]:
        """What it reads beside the weights, where that depends on its fields: the task's loss
        on data.train, inputs of data.calibration, or of data.train where there is none."""
        return NOTHING
