"""docker-compose.yml: what it asks for exists, fits together and is no wider than needed."""

import importlib.util
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from app.store.variables import KNOWN
from tests.unit.stack.compose import ROOT, Unset, images, seconds, services, variables
from worker.keep_settings import KeepSettings
from worker.settings import Settings as WorkerSettings

SECRETS = {
    "POSTGRES_PASSWORD": "a1",
    "VALKEY_PASSWORD": "b2",
    "LATHE_S3_ACCESS_KEY_ID": "c3",
    "LATHE_S3_SECRET_ACCESS_KEY": "d4",
    "GRAFANA_PASSWORD": "e5",
}
OURS = {"migrate", "api", "ops"}
LOOPS = {"sweep", "deliver"}
HANDS = {"worker-intake", "worker-cpu", "worker-gpu", *LOOPS}
REACHING_OUT = {"deliver", "worker-intake"}
ONCE = {"migrate", "ops"}


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    return services(SECRETS)


def lathe(environment: dict[str, Any]) -> dict[str, str]:
    return {name: str(v) for name, v in environment.items() if name.startswith("LATHE_")}


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_starts_while_a_secret_is_unset_or_empty(secret: str) -> None:
    for given in ({}, {secret: ""}):
        with pytest.raises(Unset, match=f"{secret}: run deploy/new-env.sh"):
            services({name: v for name, v in SECRETS.items() if name != secret} | given)


def test_every_other_variable_has_a_default_and_stands_in_the_example() -> None:
    used = {(name, operator): word for name, operator, word in variables()}
    assert {name for name, operator in used if operator == ":?"} == set(SECRETS)
    defaults = {name: word for (name, operator), word in used.items() if operator == ":-"}
    assert len(used) == len(SECRETS) + len(defaults)
    assert {name for name, _ in used if name.startswith("LATHE_")} <= KNOWN
    example = (ROOT / "deploy/env.example").read_text()
    assert dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", example, re.MULTILINE)) == defaults
    assert re.findall(r"^([A-Z0-9_]+)=$", example, re.MULTILINE) == list(SECRETS)


def test_a_new_environment_has_secrets_of_its_own_and_is_never_overwritten(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    script = [str(tmp_path / "deploy/new-env.sh")]
    assert subprocess.run(script, check=False).returncode == 0
    written = tmp_path / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    found = dict(
        re.findall(r"^([A-Z0-9_]+)=([0-9a-f]{20,})$", written.read_text(), re.MULTILINE)
    )
    assert found.keys() == SECRETS.keys()
    assert len(set(found.values())) == len(SECRETS)
    services(found)
    before = written.read_text()
    assert subprocess.run(script, check=False, stderr=subprocess.DEVNULL).returncode == 1
    assert written.read_text() == before


def test_every_setting_is_one_that_its_process_reads(
    stack: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS | HANDS:
        environment = lathe(stack[name]["environment"])
        kind = WorkerSettings if name in HANDS else Settings
        kinds = [kind, KeepSettings] if name == "sweep" else [kind]
        known = {f"LATHE_{field.upper()}" for each in kinds for field in each.model_fields}
        assert environment.keys() <= known, name
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        for each in kinds:
            each.from_environment()
        for key in environment:
            monkeypatch.delenv(key)
    both = {f"LATHE_{f.upper()}" for k in (Settings, WorkerSettings) for f in k.model_fields}
    in_images = {n for _, line in images() for n in re.findall(r"\b(LATHE_[A-Z_]+)=", line)}
    assert in_images
    assert in_images <= both


def test_every_process_is_told_how_to_reach_the_collector_of_traces() -> None:
    given = {
        "LATHE_TRACES_URL": "http://collector:4318",
        "LATHE_TRACES_SHARE": "0.5",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=trial",
    }
    readers = {"LATHE_TRACES_READS_SHARE": "0.25", "LATHE_TRACES_JOIN": "true"}
    told = services(SECRETS | given | readers)
    for name in OURS | HANDS:
        environment = {key: str(value) for key, value in told[name]["environment"].items()}
        assert given.items() <= environment.items(), name
    joins = told["api"]["environment"]
    assert (joins["LATHE_TRACES_READS_SHARE"], joins["LATHE_TRACES_JOIN"]) == (0.25, True)


def test_uploaded_models_are_never_opened_without_the_whole_sandbox(
    stack: dict[str, Any],
) -> None:
    for name in HANDS - LOOPS:
        assert stack[name]["environment"]["LATHE_SANDBOX"] == "required", name
    assert ("worker", True) in {(s, "LATHE_SANDBOX=required" in line) for s, line in images()}


def test_a_worker_may_use_the_processors_that_it_is_told_of(stack: dict[str, Any]) -> None:
    for name in HANDS - LOOPS:
        limits = stack[name]["deploy"]["resources"]["limits"]
        assert limits["cpus"] == str(stack[name]["environment"]["LATHE_THREADS"]), name


def test_who_is_stopped_gets_more_time_than_it_takes(stack: dict[str, Any]) -> None:
    for name in HANDS - LOOPS:
        drain_s = float(stack[name]["environment"]["LATHE_DRAIN_S"])
        assert seconds(stack[name]["stop_grace_period"]) >= drain_s + 15, name
    (start,) = [line for stage, line in images() if stage == "api" and line.startswith("CMD")]
    (graceful_s,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', start)
    assert seconds(stack["api"]["stop_grace_period"]) >= float(graceful_s) + 5


def test_every_program_of_ours_is_there(stack: dict[str, Any]) -> None:
    commands = [stack[name]["command"] for name in (OURS | HANDS) if "command" in stack[name]]
    modules = {command[command.index("-m") + 1] for command in commands}
    modules |= {m for _, line in images() for m in re.findall(r'"-m", "([\w.]+)"', line)}
    assert {"app.serve", "worker", "worker.sweep", "worker.deliver", "app.migrate"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_no_container_has_a_right_that_it_does_not_need(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
        if name not in OURS | HANDS:
            assert int(service["user"].split(":")[0]) > 0, name


def test_a_job_reaches_its_cap_of_threads_before_its_worker_has_none_left(
    stack: dict[str, Any],
) -> None:
    for name in ("worker-intake", "worker-cpu", "worker-gpu"):
        most = int(stack[name]["environment"]["LATHE_CHILD_THREADS"])
        assert most <= stack[name]["deploy"]["resources"]["limits"]["pids"] - 200, name


def test_our_images_run_as_a_user_without_rights() -> None:
    for wanted in ("api", "ops", "worker"):
        users = [line.split()[1] for s, line in images() if s == wanted and "USER" in line]
        assert users[-1] == "10001:10001", wanted
        checks = [line for s, line in images() if s == wanted and "HEALTHCHECK" in line]
        assert len(checks) == 1, wanted


def test_every_lasting_service_tells_its_health_and_waits_for_what_it_needs(
    stack: dict[str, Any],
) -> None:
    for name, service in stack.items():
        if name in ONCE:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert "healthcheck" in service or name in OURS | HANDS, name
        for other, how in service.get("depends_on", {}).items():
            done = other in ONCE
            wanted = "service_completed_successfully" if done else "service_healthy"
            assert how == {"condition": wanted}, (name, other)
    for name in ("api", *HANDS):
        assert stack[name]["depends_on"].keys() == {"migrate", "postgres", "valkey", "objects"}


def test_images_are_pinned_and_only_two_doors_open_and_to_this_machine_alone(
    stack: dict[str, Any],
) -> None:
    bases = [line.split()[1] for _, line in images() if line.startswith("FROM python")]
    for image in [service["image"] for service in stack.values()] + bases:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)*$", image), image
    doors = {name: s["ports"] for name, s in stack.items() if "ports" in s}
    assert doors == {"nginx": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    assert {name for name, network in networks.items() if not network} == {"outside"}
    assert {name for name, s in stack.items() if "outside" in s["networks"]} == {
        *doors,
        *REACHING_OUT,
    }


def test_only_the_gpu_worker_reserves_a_gpu_and_only_when_asked(stack: dict[str, Any]) -> None:
    reserving = {n for n, s in stack.items() if "reservations" in s["deploy"]["resources"]}
    assert reserving == {"worker-gpu"}
    assert stack["worker-gpu"]["profiles"] == ["gpu"]
    devices = stack["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_nothing_but_what_the_images_need_reaches_their_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:].split("/")[0] for rule in rules if rule.startswith("!")}
    copied = {
        word.split("/")[0]
        for _, line in images()
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert copied == let_in
