"""What the examination of a campaign found."""

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Findings:
    """Counts and, for everything that must not be, the cases themselves."""

    stack: str
    spent_s: float
    jobs: Counter[str] = field(default_factory=Counter)  # by kind and state
    attempts: int = 0
    chains: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    broke: list[str] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)  # why attempts were repeated
    unexplained: list[str] = field(default_factory=list)
    too_late: int = 0  # finished results that came behind the fence
    artifacts: int = 0
    damaged: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    blobs: int = 0
    missing: list[str] = field(default_factory=list)
    unnamed: int = 0  # objects that no row names
    unnamed_bytes: int = 0
    folders: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # processes, by themselves
    wrong_answers: list[str] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)  # from 500 on
    broken_connections: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    idle_faults: list[str] = field(default_factory=list)  # kinds that never hit

    def as_json(self) -> dict[str, object]:
        """Every field by its name; `asdict` would count a Counter's pairs."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {n: dict(v) if isinstance(v, Counter) else v for n, v in values.items()}
