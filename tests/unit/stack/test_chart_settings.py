"""The settings that the chart's pods are given are ones that their processes read."""

import re

import helm_python as helm
import pytest

from app.settings import Settings
from app.store.variables import unknown_variable
from tests.unit.stack.chart import Manifest, pods, rendered
from tests.unit.stack.chart_pods import (
    COMPOSE,
    GIB,
    HANDS,
    OURS,
    POOLS,
    environment,
    only,
    size,
)
from tests.unit.stack.compose import images
from worker.keep_settings import KeepSettings
from worker.settings import Settings as WorkerSettings


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
        kept = KeepSettings.from_environment()
        assert (kept.keep_jobs_days, kept.keep_delivered_days) == (None, 7)
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


def test_every_process_is_told_how_to_reach_the_collector_of_traces() -> None:
    given = {
        "settings": {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=trial"},
        "secretSettings": {"OTEL_EXPORTER_OTLP_HEADERS": "collector-headers"},
    }
    found = {
        part: only(spec) for part, (_, spec) in pods(rendered(given)).items() if part in OURS
    }
    assert found.keys() >= {"api", "worker-cpu", "worker-intake", "deliver", "sweep"}
    secret = {"secretKeyRef": {"name": "lathe", "key": "collector-headers"}}
    for part, container in found.items():
        assert environment(container)["OTEL_RESOURCE_ATTRIBUTES"].endswith("=trial"), part
        named = {each["name"]: each for each in container["env"]}
        assert named["OTEL_EXPORTER_OTLP_HEADERS"].get("valueFrom") == secret, part


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


def test_a_job_is_refused_disk_before_its_pod_is_evicted(manifests: list[Manifest]) -> None:
    found = {part: spec for part, (_, spec) in pods(manifests).items() if part in POOLS}
    assert found
    for part, spec in found.items():
        (work,) = [each for each in spec["volumes"] if each["name"] == "work"]
        room = size(work["emptyDir"]["sizeLimit"])
        given = environment(only(spec))
        assert int(given["LATHE_CHILD_FOLDER_BYTES"]) == room // 2, part


def test_uploaded_models_are_never_opened_without_the_whole_sandbox(
    manifests: list[Manifest],
) -> None:
    for part, (_, spec) in pods(manifests).items():
        if part in POOLS:
            assert environment(only(spec))["LATHE_SANDBOX"] == "required", part


def test_a_pool_goes_without_landlock_only_on_a_runtime_that_stands_in_for_it() -> None:
    pool = {"sandbox": "auto", "runtimeClassName": "gvisor"}
    found = pods(rendered({"workers": {"pools": {"cpu": pool}}}))
    modes = {p: environment(only(found[p][1]))["LATHE_SANDBOX"] for p in POOLS & found.keys()}
    assert modes == {"worker-cpu": "auto", "worker-intake": "required"}
    with pytest.raises(helm.HelmError, match=r"workers\.pools\.cpu\.sandbox: auto"):
        rendered({"workers": {"pools": {"cpu": {"sandbox": "auto"}}}})


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
