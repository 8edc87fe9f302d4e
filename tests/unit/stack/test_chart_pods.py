"""What the chart's pods are: what docker-compose.yml runs, with no right they do not need."""

import json
import re

from tests.unit.stack.chart import Manifest, of_kind, packed_chart, pods, rendered
from tests.unit.stack.chart_pods import COMPOSE, HANDS, ONCE, OURS, THE_CLUSTERS, only
from tests.unit.stack.compose import images, seconds
from tests.unit.stack.test_compose import SECRETS


def test_all_that_compose_runs_runs_here(everything: list[Manifest]) -> None:
    assert pods(everything).keys() | THE_CLUSTERS == COMPOSE.keys()


def test_a_new_release_exchanges_our_pods_and_no_other() -> None:
    now, then = pods(rendered({})), pods(rendered({}, packed=packed_chart("9.9.9")))
    changed = {part for part in now if now[part] != then[part]}
    assert changed == OURS & now.keys()


def test_images_commands_and_networks_are_those_of_compose(everything: list[Manifest]) -> None:
    for part, (labels, spec) in pods(everything).items():
        container, theirs = only(spec), COMPOSE[part]
        assert container["image"] == theirs["image"], part
        networks = {name.split("/")[1] for name in labels if name.startswith("network.lathe/")}
        if part in OURS:
            assert networks == set(theirs["networks"]), part
        if part in OURS - {"api", "backup"}:
            assert container["command"] == theirs["command"], part
        if part in {"postgres", "valkey", "objects"}:
            said = " ".join(container["args"])
            said = said.replace("$(VALKEY_PASSWORD)", SECRETS["VALKEY_PASSWORD"])
            own_name = "lathe-objects-0.lathe-objects.prod.svc"
            assert said.replace(own_name, "objects") == " ".join(theirs["command"]), part


def test_ports_and_probes_are_those_of_the_images_and_compose(
    everything: list[Manifest],
) -> None:
    found = {part: only(spec) for part, (_, spec) in pods(everything).items()}
    (exposed,) = [line.split()[1] for stage, line in images() if line.startswith("EXPOSE")]
    assert found["api"]["ports"] == [{"name": "http", "containerPort": int(exposed)}]
    check = next(line for stage, line in images() if (stage, line[:6]) == ("api", "HEALTH"))
    probe = found["api"]["livenessProbe"]
    assert f"127.0.0.1:{exposed}{probe['httpGet']['path']}'" in check
    told = dict(re.findall(r"--(interval|timeout|retries)=(\d+)", check))
    own = [probe["periodSeconds"], probe["timeoutSeconds"], probe["failureThreshold"]]
    assert own == [int(told[name]) for name in ("interval", "timeout", "retries")]
    assert found["api"]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    check = next(line for stage, line in images() if (stage, line[:6]) == ("worker", "HEALTH"))
    for part in HANDS:
        assert json.dumps(found[part]["readinessProbe"]["exec"]["command"]) in check
        assert "livenessProbe" not in found[part], part
    for part in ("postgres", "valkey", "objects"):
        theirs, probe = COMPOSE[part]["healthcheck"], found[part]["livenessProbe"]
        said = probe["exec"]["command"]
        by_shell = theirs["test"][0] == "CMD-SHELL"
        told_command = [t.replace("$$", "$") for t in theirs["test"][1:]]
        assert said == (["/bin/sh", "-c", *told_command] if by_shell else told_command)
        assert probe["periodSeconds"] == seconds(theirs["interval"])
        assert probe["failureThreshold"] == theirs["retries"]


def test_every_container_has_limits_and_every_lasting_one_probes(
    manifests: list[Manifest],
) -> None:
    for part, (_, spec) in pods(manifests).items():
        container = only(spec)
        for kind in ("requests", "limits"):
            named = container["resources"][kind].keys()
            assert {"cpu", "memory", "ephemeral-storage"} <= named, part
        assert ("readinessProbe" in container) == (part not in ONCE), part
        assert ("livenessProbe" in container) == (part not in ONCE | HANDS), part


def test_selectors_find_their_pods_and_every_deployment_has_a_budget(
    manifests: list[Manifest],
) -> None:
    labels = {part: own for part, (own, _) in pods(manifests).items()}
    selecting: dict[str, list[dict[str, str]]] = {"PodDisruptionBudget": [], "Service": []}
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        chosen = spec.get("selector", {})
        chosen = chosen.get("matchLabels", chosen) if chosen else None
        if not chosen:
            continue
        part = chosen["app.kubernetes.io/component"]
        assert chosen.items() <= labels[part].items(), manifest["metadata"]["name"]
        if kind in selecting:
            selecting[kind].append(part)
    deployments = of_kind(manifests, "Deployment")
    budgets = sorted(f"lathe-{part}" for part in selecting["PodDisruptionBudget"])
    assert budgets == sorted(deployments)
    for budget in of_kind(manifests, "PodDisruptionBudget").values():
        assert budget["spec"]["maxUnavailable"] == 1


def test_services_lead_to_ports_that_are_open(manifests: list[Manifest]) -> None:
    found = pods(manifests)
    for service in of_kind(manifests, "Service").values():
        part = service["spec"]["selector"]["app.kubernetes.io/component"]
        opened = {p["name"]: p["containerPort"] for p in only(found[part][1])["ports"]}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in opened, part
            if service["spec"].get("clusterIP") == "None":
                assert port["port"] == opened[port["targetPort"]], part
    for part, (_, spec) in found.items():
        if part in OURS:
            urls = re.findall(r"lathe-(\w+)\.prod\.svc:(\d+)", json.dumps(only(spec)))
            for other, number in urls:
                wanted = {p["containerPort"] for p in only(found[other][1])["ports"]}
                assert int(number) in wanted, (part, other)
