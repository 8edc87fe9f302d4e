"""How much there is to multiply: counted on floats, true for the integers they become.

Lowering changes number types, not how many weights there are or products are formed, but a
lowered graph hides some of both. So a lowered state has the counts of the float state that it
came from; they travel in the step's report, where a later run of the job finds them again.
"""

from dataclasses import dataclass
from typing import Self

from lathe.report import StepReport
from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.outcome import FactValue

PARAMETERS, MACS = "parameters", "macs"


@dataclass(frozen=True, slots=True)
class Counts:
    """`macs` for one example; None where something could not be counted."""

    parameters: int | None = None
    macs: int | None = None

    @classmethod
    def of_report(cls, report: StepReport) -> Self:
        """What `as_facts` had put into a step's report."""
        return cls(_whole(report.facts.get(PARAMETERS)), _whole(report.facts.get(MACS)))

    def after(self, checkpoint: Checkpoint) -> "Counts":
        """The counts of the next state: its own where it is float, else still these."""
        if checkpoint.lowered:
            return self
        return Counts(parameters(checkpoint.model), macs(checkpoint.model))

    def as_facts(self) -> dict[str, FactValue]:
        """For a step's report."""
        return {PARAMETERS: self.parameters, MACS: self.macs}


def _whole(value: FactValue) -> int | None:
    return value if isinstance(value, int) else None
