"""What the chart's pods are: what docker-compose.yml runs, with no right they do not need."""

import json
import re
from typing import Any

import crossplane
import pytest
import yaml

from app.settings import Settings
from app.store.rows import Job
from app.store.variables import unknown_variable
from lathe.states import JobState, Queue
from tests.unit.stack.chart import (
    CHART,
    SETS,
    Manifest,
    of_kind,
    packed_chart,
    pods,
    rendered,
    values,
)
from tests.unit.stack.compose import ROOT, images, seconds, services
from tests.unit.stack.test_compose import SECRETS
from worker.settings import Settings as WorkerSettings

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


@pytest.fixture(scope="module", params=SETS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(values(request.param))


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    gpu = values("gpu")
    return rendered({**gpu, "backup": {"enabled": True}})


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


def test_every_variable_is_a_setting_that_its_process_reads(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, (_, spec) in pods(manifests).items():
        if part not in OURS:
            continue
        given = environment(only(spec))
        assert unknown_variable(given) is None, part
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        kind = WorkerSettings if part in HANDS else Settings
        read = kind.from_environment()
        assert read.database_url.startswith("postgresql://")
        for name in given:
            monkeypatch.delenv(name)


def test_compose_settings_that_are_not_of_compose_alone_are_here(
    everything: list[Manifest],
) -> None:
    for part, (_, spec) in pods(everything).items():
        if part in OURS:
            theirs = {n for n in COMPOSE[part]["environment"] if n.startswith("LATHE_")}
            assert theirs <= environment(only(spec)).keys(), part


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


def test_every_pod_is_what_the_restricted_standard_asks(manifests: list[Manifest]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    for part, (_, spec) in pods(manifests).items():
        pod, own = spec["securityContext"], only(spec)["securityContext"]
        assert pod["runAsNonRoot"] is True, part
        assert pod["runAsUser"] > 0, part
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, part
        assert own == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, part
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), part
        assert spec["automountServiceAccountToken"] is False, part
        for volume in spec.get("volumes", []):
            assert len(volume.keys() & allowed) == 1, (part, volume)
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], (part, volume)
        for port in only(spec).get("ports", []):
            assert port.keys() <= {"name", "containerPort"}, part


def test_users_are_those_of_the_images(everything: list[Manifest]) -> None:
    users = {line.split()[1] for stage, line in images() if line.startswith("USER 1")}
    assert users == {"10001:10001"}
    for part, (_, spec) in pods(everything).items():
        wanted = "10001:10001" if part in OURS else COMPOSE[part]["user"]
        context = spec["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == wanted, part


def test_what_has_to_be_written_lies_on_a_volume(manifests: list[Manifest]) -> None:
    written = {
        name: place
        for _, line in images()
        for name, place in re.findall(r"(LATHE_\w+)=(/\S+)", line)
    }
    assert written.keys() == {"LATHE_WORK_DIR", "LATHE_LOCK_PATH", "LATHE_SIGNING_KEY_FILE"}
    found = {part: spec for part, (_, spec) in pods(manifests).items()}
    for part in POOLS & found.keys():
        places = {mount["mountPath"] for mount in only(found[part])["volumeMounts"]}
        assert written["LATHE_WORK_DIR"] in places
        assert written["LATHE_LOCK_PATH"].rpartition("/")[0] in places
        assert "/tmp" in places
        assert {volume.split(":")[1] for volume in COMPOSE[part]["volumes"]} <= places
    for part, spec in found.items():
        mounted = {mount["name"] for mount in only(spec)["volumeMounts"]}
        claimed = {"data"} if part in {"postgres", "valkey", "objects"} else set()
        assert mounted == {volume["name"] for volume in spec.get("volumes", [])} | claimed


def test_secrets_are_taken_from_the_secret_alone(manifests: list[Manifest]) -> None:
    for part, (_, spec) in pods(manifests).items():
        for each in only(spec).get("env", []):
            secret = re.search(r"PASSWORD$|SECRET|ACCESS_KEY", each["name"])
            if secret:
                assert each["valueFrom"]["secretKeyRef"]["name"] == "lathe", (part, each)
            assert not re.search(r"://[^/@]*:[^$/@][^/@]*@", each.get("value", "")), each
    assert of_kind(manifests, "Secret") == {}


def test_every_worker_that_signs_has_the_same_key(manifests: list[Manifest]) -> None:
    (place,) = [
        found
        for _, line in images()
        for found in re.findall(r"LATHE_SIGNING_KEY_FILE=(\S+)", line)
    ]
    for part, (_, spec) in pods(manifests).items():
        if part not in POOLS - {"worker-intake"}:
            assert "secret" not in json.dumps(spec.get("volumes", [])), part
            continue
        (volume,) = [each for each in spec["volumes"] if "secret" in each]
        (mount,) = [m for m in only(spec)["volumeMounts"] if m["name"] == volume["name"]]
        (item,) = volume["secret"]["items"]
        assert f"{mount['mountPath']}/{item['path']}" == place
        assert volume["secret"]["secretName"] == "lathe"
        assert volume["secret"]["defaultMode"] & 0o007 == 0


def test_a_job_is_refused_memory_before_its_pod_is_ended(manifests: list[Manifest]) -> None:
    found = {part: only(spec) for part, (_, spec) in pods(manifests).items() if part in POOLS}
    assert found
    for part, container in found.items():
        limit = size(container["resources"]["limits"]["memory"])
        given = environment(container)
        for name in ("LATHE_CHILD_MEMORY_BYTES", "LATHE_INSPECT_MEMORY_BYTES"):
            assert int(given[name]) == limit - GIB, part
        limits = container["resources"]["limits"]
        assert (
            given["LATHE_THREADS"] == limits["cpu"] == container["resources"]["requests"]["cpu"]
        )


def test_uploaded_models_are_never_opened_without_the_whole_sandbox(
    manifests: list[Manifest],
) -> None:
    for part, (_, spec) in pods(manifests).items():
        if part in POOLS:
            assert environment(only(spec))["LATHE_SANDBOX"] == "required", part


def test_who_is_stopped_gets_more_time_than_it_takes() -> None:
    stopped = pods(rendered({"workers": {"drainSeconds": 600}}))
    for part in POOLS & stopped.keys():
        _, spec = stopped[part]
        assert float(environment(only(spec))["LATHE_DRAIN_S"]) == 600
        assert spec["terminationGracePeriodSeconds"] >= 615
    (start,) = [line for stage, line in images() if stage == "api" and line.startswith("CMD")]
    (graceful,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', start)
    _, spec = stopped["api"]
    pause = only(spec)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= int(graceful) + pause + 5


def test_only_the_gpu_pool_takes_gpus_and_goes_where_they_are(
    everything: list[Manifest],
) -> None:
    assert "worker-gpu" not in pods(rendered({}))
    found = pods(everything)
    taking = {
        part
        for part, (_, spec) in found.items()
        if "nvidia.com/gpu" in only(spec)["resources"]["limits"]
    }
    assert taking == {"worker-gpu"}
    _, spec = found["worker-gpu"]
    assert only(spec)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert spec["runtimeClassName"] == "nvidia"
    strategy = of_kind(everything, "Deployment")["lathe-worker-gpu"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


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


def test_pools_follow_the_jobs_of_their_queue(everything: list[Manifest]) -> None:
    scaled = of_kind(everything, "ScaledObject")
    deployments = of_kind(everything, "Deployment")
    assert {name.removeprefix("lathe-worker-") for name in scaled} == set(Queue)
    columns = {column.name for column in Job.__table__.columns}
    for name, each in scaled.items():
        spec = each["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert "replicas" not in deployments[name]["spec"]
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        (trigger,) = spec["triggers"]
        query = trigger["metadata"]["query"]
        queue, *states = re.findall(r"'(\w+)'", query)
        assert name == f"lathe-worker-{queue}"
        assert states == [JobState.RUNNING, JobState.QUEUED]
        assert f"FROM {Job.__tablename__} " in query
        assert set(re.findall(r"\b(queue|state|not_\w+)\b", query)) <= columns
        assert trigger["metadata"]["host"] == "lathe-postgres.prod.svc"
    assert scaled["lathe-worker-gpu"]["spec"]["minReplicaCount"] == 0
    assert scaled["lathe-worker-intake"]["spec"]["minReplicaCount"] == 1


def test_without_keda_every_pool_has_the_workers_that_it_is_given() -> None:
    manifests = rendered({"workers": {"pools": {"cpu": {"replicas": 3}}}})
    assert of_kind(manifests, "ScaledObject") == {}
    assert of_kind(manifests, "TriggerAuthentication") == {}
    deployments = of_kind(manifests, "Deployment")
    assert deployments["lathe-worker-cpu"]["spec"]["replicas"] == 3


def test_one_worker_a_node_can_be_asked_for_and_still_be_exchanged() -> None:
    manifests = rendered({"workers": {"spread": "required"}})
    worker = of_kind(manifests, "Deployment")["lathe-worker-cpu"]["spec"]
    apart = worker["template"]["spec"]["affinity"]["podAntiAffinity"]
    (rule,) = apart["requiredDuringSchedulingIgnoredDuringExecution"]
    labels = worker["template"]["metadata"]["labels"]
    assert rule["labelSelector"]["matchLabels"].items() <= labels.items()
    assert worker["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


def test_nginx_is_the_one_of_compose_but_for_where_the_api_is(
    manifests: list[Manifest],
) -> None:
    own = of_kind(manifests, "ConfigMap")["lathe-proxy"]["data"]["nginx.conf"]
    theirs = (ROOT / "deploy/nginx/nginx.conf").read_text()
    api = "server lathe-api.prod.svc:8000;"
    assert api in own
    assert "resolve" not in own
    changed = theirs.replace("server api:8000 resolve;", api).splitlines()
    kept = [line for line in changed if line.strip() and "resolver" not in line]
    assert [line for line in own.splitlines() if line.strip()] == kept


def test_nginx_reads_it(tmp_path: Any) -> None:
    place = tmp_path / "nginx.conf"
    place.write_text(of_kind(rendered({}), "ConfigMap")["lathe-proxy"]["data"]["nginx.conf"])
    read = crossplane.parse(str(place), single=True, strict=True)
    assert read["status"] == "ok", read["errors"]
    assert "http" in {each["directive"] for each in read["config"][0]["parsed"]}


def test_alerts_and_dashboard_are_those_of_compose_and_find_their_jobs() -> None:
    given: dict[str, Any] = {"podMonitors": True, "rules": True, "dashboard": True}
    manifests = rendered({"observe": given})
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert of_kind(manifests, "PrometheusRule")["lathe-alerts"]["spec"] == alerts
    board = of_kind(manifests, "ConfigMap")["lathe-dashboard"]["data"]["lathe.json"]
    assert json.loads(board) == json.loads((CHART / "files/dashboard.json").read_text())
    found = pods(manifests)
    named = set()
    for monitor in of_kind(manifests, "PodMonitor").values():
        (point,) = monitor["spec"]["podMetricsEndpoints"]
        part = monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        assert point["port"] in {p["name"] for p in only(found[part][1])["ports"]}
        named.add(point["relabelings"][0]["replacement"])
    assert named == {job["job_name"] for job in config["scrape_configs"]}
