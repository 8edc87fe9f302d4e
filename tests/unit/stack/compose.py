"""docker-compose.yml as Compose would read it with a given environment."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?:(:[-?])([^}]*))?\}")


class Unset(Exception):  # noqa: N818 - Compose's own word
    """A variable that must be set is not, or is empty."""


def variables() -> list[tuple[str, str, str]]:
    """(name, operator, word) of everything that is taken from the environment."""
    return _VARIABLE.findall(FILE.read_text())


def services(environment: Mapping[str, str]) -> dict[str, Any]:
    """The services with their variables filled in; raises Unset."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        given = environment.get(name, "")
        if not given and operator == ":?":
            raise Unset(f"{name}: {word}")
        return given or word or ""

    document = yaml.safe_load(_VARIABLE.sub(value, FILE.read_text()))
    found: dict[str, Any] = document["services"]
    return found


def images() -> Iterator[tuple[str, str]]:
    """(stage, line) of the Dockerfile, with continued lines joined."""
    stage = ""
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        if line.startswith("FROM "):
            stage = line.split()[-1]
        if line and not line.startswith("#"):
            yield stage, line


def seconds(text: str) -> float:
    """Compose's durations, such as 30s, 2m and 1m30s."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([\d.]+)([hms])", text))
