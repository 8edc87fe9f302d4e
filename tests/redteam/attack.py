"""What an attack is, and where all of them are found."""

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
FOLDERS = ("files", "requests", "tenants", "outbound", "sandbox")
POWER = "without_the_guard"


@dataclass(frozen=True)
class Attack:
    """One class of the suite: the hostile thing, what is seen, what guards, where it is, and
    with what else than the service's own code its harm is shown, if that cannot be helped."""

    what: str
    seen: str
    guard: str
    place: str
    tests: tuple[str, ...]
    instead: str | None

    @property
    def shows_its_power(self) -> bool:
        """Whether a test takes the guard away."""
        return any(name.endswith(POWER) for name in self.tests)

    @property
    def is_sent(self) -> bool:
        """Whether a test sends it while the guard is there."""
        return any(not name.endswith(POWER) for name in self.tests)


def attacks(folder: str) -> list[Attack]:
    """Those of one folder, in the order in which they are written."""
    return [
        _attack(one, module)
        for path in sorted((HERE / folder).glob("test_*.py"))
        for module in [importlib.import_module(f"tests.redteam.{folder}.{path.stem}")]
        for one in _classes(module)
    ]


def _classes(module: ModuleType) -> Iterator[type]:
    for name, one in vars(module).items():
        if (
            name.startswith("Test")
            and inspect.isclass(one)
            and one.__module__ == module.__name__
        ):
            if inspect.isabstract(one):  # pytest would leave it out without a word
                raise TypeError(f"{name} lacks {', '.join(sorted(one.__abstractmethods__))}")
            yield one


def _attack(one: Any, module: ModuleType) -> Attack:
    seen = getattr(one, "seen", None)
    if seen is None:
        kind = {"models": "model", "datasets": "data set"}[one.kind]
        seen = f"{kind} rejected, `{one.code}`"
    return Attack(
        what=" ".join((one.__doc__ or "").split()),
        seen=seen,
        guard=one.guard,
        place=f"{module.__name__.removeprefix('tests.redteam.').replace('.', '/')}.py",
        tests=tuple(name for name in dir(one) if name.startswith("test_")),
        instead=getattr(one, "instead", None),
    )
