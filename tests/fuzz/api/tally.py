"""How many cases went to which operation, what was answered, and what was wrong."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """The counts of a run; `failures` has the first example of each kind."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[tuple[str, str, int], str] = field(default_factory=dict)
    repeated: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def answered(self, operation: str, status: int) -> None:
        """One case is over."""
        self.cases[operation] += 1
        self.statuses.setdefault(operation, Counter())[f"{status}"] += 1

    def failed(self, operation: str, what: str, status: int, example: str) -> None:
        """An answer was not as it should be."""
        kind = operation, what, status
        self.repeated[kind] += 1
        if kind not in self.failures:
            self.failures[kind] = example
            print(f"\n{operation}: {what} ({status})\n{example}", flush=True)

    def result(self) -> dict[str, Any]:
        """For the results' file."""
        return {
            "cases": self.cases.total(),
            "operations": [
                {
                    "operation": operation,
                    "cases": count,
                    "statuses": dict(sorted(self.statuses[operation].items())),
                }
                for operation, count in sorted(self.cases.items())
            ],
            "failures": [
                {"operation": kind[0], "what": kind[1], "status": kind[2], "times": times}
                for kind, times in sorted(self.repeated.items())
            ],
        }
