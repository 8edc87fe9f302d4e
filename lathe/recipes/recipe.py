"""What every named recipe shares: what it looks at, and what it becomes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from lathe.limits import Constraint
from lathe.spec import Spec
from lathe.techniques import AnyStep


@dataclass(frozen=True, slots=True)
class Given:
    """What of a job decides the steps of a recipe; `metric` is the task's first one."""

    train: bool = False
    calibration: bool = False
    task: str | None = None
    metric: str | None = None
    limits: tuple[Constraint, ...] = ()

    @property
    def loss_of_its_own(self) -> bool:
        """Whether there is a loss to train on besides a teacher's outputs."""
        return self.task not in (None, "none")


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps a recipe stands for, and the limits that it adds to the job's own."""

    steps: tuple[AnyStep, ...]
    limits: tuple[Constraint, ...] = ()


class Recipe(Spec, ABC):
    """A pipeline by name. Nothing of it is stored: the job shows the steps it stands for."""

    @abstractmethod
    def plan(self, given: Given) -> Plan:
        """The steps for this job; raises ValueError that names the field and the remedy."""
