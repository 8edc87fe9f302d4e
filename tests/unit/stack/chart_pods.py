"""What the tests of the chart's pods share: which pods are ours, and how one is read."""

import re

from tests.unit.stack.chart import Manifest
from tests.unit.stack.compose import services
from tests.unit.stack.test_compose import SECRETS

GIB = 1 << 30
UNITS = {"Mi": 1 << 20, "Gi": GIB}
ONCE = {"migrate", "migrate-first", "backup"}
POOLS = {"worker-intake", "worker-cpu", "worker-gpu"}
HANDS = {*POOLS, "sweep", "deliver"}
OURS = {"api", *ONCE, *HANDS}
# what has another name here, or is the cluster's own
RENAMED = {"nginx": "proxy", "migrate": "migrate-first", "ops": "backup"}
THE_CLUSTERS = {"prometheus", "grafana"}  # see the observe values
COMPOSE = {RENAMED.get(name, name): each for name, each in services(SECRETS).items()}


def only(spec: Manifest) -> Manifest:
    (container,) = spec["containers"]
    assert "initContainers" not in spec
    found: Manifest = container
    return found


def environment(container: Manifest) -> dict[str, str]:
    """As the process would see it; what comes from the Secret has a stand-in."""
    stand_ins = {
        "LATHE_DATABASE_URL": "postgresql://lathe@db.example.org/lathe",
        "LATHE_BROKER_URL": "redis://broker.example.org:6379/0",
    }
    found: dict[str, str] = {}
    for each in container.get("env", []):
        name = each["name"]
        value = each["value"] if "value" in each else stand_ins.get(name, "abc")
        assert name not in found, name
        found[name] = re.sub(r"\$\((\w+)\)", lambda m: found[m.group(1)], value)
    return found


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()  # type: ignore[union-attr]
    return int(number) * UNITS[unit]
