"""What became of the mutants of every module: benchmarks/results/mutants.json, and what is
under way in build/mutants/."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from tests.mutants.modules import ROOT, Module
from tests.mutants.trial import Fate

RESULT = ROOT / "benchmarks" / "results" / "mutants.json"
UNDER_WAY = ROOT / "build" / "mutants"


@dataclass(frozen=True, slots=True)
class Record:
    """Of one module, as it and its tests were under `digest`."""

    source: str
    digest: str
    mutants: int
    died: int
    survivors: tuple[str, ...]
    at: str

    @property
    def killed(self) -> float:
        """Fraction of the mutants that a test noticed."""
        return self.died / self.mutants if self.mutants else 1.0

    @classmethod
    def of(cls, module: Module, state: str, fates: Mapping[str, Fate], at: str) -> Self:
        """When all fates of that state are known. A mutant that never ends has been
        noticed."""
        survivors = tuple(key for key, fate in fates.items() if fate == "survived")
        died = len(fates) - len(survivors)
        return cls(str(module.source), state, len(fates), died, survivors, at)


def digest(module: Module) -> str:
    """Of the source and its tests: another one makes a record stale."""
    text = b"".join((ROOT / path).read_bytes() for path in (module.source, *module.tests))
    return hashlib.sha256(text).hexdigest()[:16]


def records() -> dict[str, Record]:
    """By source file."""
    if not RESULT.exists():
        return {}
    stored = json.loads(RESULT.read_text())["modules"]
    return {
        one["source"]: Record(**one | {"survivors": tuple(one["survivors"])}) for one in stored
    }


def store(found: Mapping[str, Record]) -> None:
    """In the order of their names."""
    modules = [asdict(found[name]) for name in sorted(found)]
    RESULT.write_text(json.dumps({"name": "mutants", "modules": modules}, indent=1) + "\n")


def under_way(module: Module, state: str) -> Path:
    """Where fates are kept until all are known; `state` is the digest they belong to."""
    return UNDER_WAY / f"{module.dotted}.{state}.json"


def fates_so_far(module: Module, state: str) -> dict[str, Fate]:
    """By the mutation's key."""
    path = under_way(module, state)
    return json.loads(path.read_text()) if path.exists() else {}


def keep(module: Module, state: str, fates: Mapping[str, Fate]) -> None:
    """So that a run goes on where it was stopped.

    Raises RuntimeError where a file was changed meanwhile: the fates are of two states.
    """
    if digest(module) != state:
        raise RuntimeError(f"{module.source} or its tests were changed; run it again")
    UNDER_WAY.mkdir(parents=True, exist_ok=True)
    under_way(module, state).write_text(json.dumps(fates, indent=1))
