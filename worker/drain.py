"""How a worker that was asked to stop goes about its running job."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Drain:
    """The running job may go on for `grace_s` seconds, no other one begins. Its methods are
    called from signal handlers: they only set a number."""

    grace_s: float
    _ends_s: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Stop in good order; asked again, nothing changes."""
        if self._ends_s is None:
            self._ends_s = time.monotonic() + self.grace_s

    def hasten(self) -> None:
        """Hand the running job back now."""
        self._ends_s = time.monotonic()

    @property
    def begun(self) -> bool:
        """Whether the worker takes no more jobs."""
        return self._ends_s is not None

    @property
    def over(self) -> bool:
        """Whether the running job is to be handed back."""
        return self._ends_s is not None and time.monotonic() >= self._ends_s
