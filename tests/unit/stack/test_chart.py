"""deploy/helm/lathe: what Helm and Kubernetes would say, and what the chart refuses."""

import copy
import json
import re
from typing import Any

import helm_python as helm
import pytest
import yaml

from app.store.variables import KNOWN
from tests.unit.stack.chart import (
    CHART,
    KUBERNETES,
    SETS,
    Manifest,
    complaint,
    lint,
    of_kind,
    rendered,
    values,
)


def test_helm_finds_nothing_to_say() -> None:
    assert lint() == []


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_every_manifest_is_one_that_kubernetes_takes(name: str, kubernetes: str) -> None:
    manifests = rendered(values(name))
    assert len(manifests) > 25
    assert [said for each in manifests if (said := complaint(each, kubernetes))] == []


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("Deployment", ("spec", "replicas"), "two"),
        ("NetworkPolicy", ("spec", "ingres"), []),
        ("ScaledObject", ("spec", "maxReplicas"), 3),
        ("ScaledObject", ("spec", "fallback", "behavior"), "sometimes"),
        ("TriggerAuthentication", ("spec", "secretTargetRefs"), []),
        ("PodMonitor", ("spec", "podMetricsEndpoints"), "metrics"),
        ("PrometheusRule", ("spec", "group"), []),
    ],
)
def test_a_manifest_that_kubernetes_would_refuse_is_seen(
    kind: str, path: tuple[str, ...], wrong: object
) -> None:
    manifest = copy.deepcopy(next(m for m in rendered(values("external")) if m["kind"] == kind))
    assert complaint(manifest) is None
    *way, last = path
    within = manifest
    for key in way:
        within = within[key]
    within[last] = wrong
    assert complaint(manifest) is not None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"apis": {"replicas": 3}}, "apis"),
        ({"api": {"replicas": 0}}, "replicas"),
        ({"settings": {"LOG_LEVEL": "info"}}, "LOG_LEVEL"),
        ({"settings": {"LATHE_DATABASE_URL": "sqlite:///x"}}, "LATHE_DATABASE_URL"),
        ({"settings": {"LATHE_SOME_SECRET": "abc"}}, "LATHE_SOME_SECRET"),
        ({"settings": {"LATHE_MAX_MODEL_BYTES": 8589934592}}, "LATHE_MAX_MODEL_BYTES"),
        ({"secretSettings": {"LATHE_SANDBOX": "off"}}, "LATHE_SANDBOX"),
        ({"settings": {"OTEL_EXPORTER_OTLP_HEADERS": "a=b"}}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"settings": {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b"}}, "TRACES_HEADERS"),
        ({"settings": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}}, "ENDPOINT"),
        ({"secretSettings": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "a"}}, "TRACES_ENDPOINT"),
        ({"settings": {"PATH": "/tmp"}}, "PATH"),
        ({"secretSettings": {"LD_PRELOAD": "key"}}, "LD_PRELOAD"),
        ({"secretSettings": {"OTEL_EXPORTER_OTLP_HEADERS": "a=b c"}}, "HEADERS"),
        ({"workers": {"pools": {"tpu": {}}}}, "tpu"),
        ({"workers": {"pools": {"cpu": {"gpus": 1}}}}, "gpus"),
        ({"workers": {"pools": {"cpu": {"memoryGiB": 1}}}}, "memoryGiB"),
        ({"workers": {"pools": {"cpu": {"sandbox": "off"}}}}, "sandbox"),
        ({"workers": {"spread": "always"}}, "spread"),
        ({"objects": {"enabled": False}}, "url"),
        ({"objects": {"url": "s3://elsewhere/objects"}}, "url"),
        ({"images": {"api": {"repository": "x", "tag": "latest"}}}, "tag"),
        ({"networkPolicy": {"database": {"cidrs": ["10.0.0.1"]}}}, "cidrs"),
        ({"backup": {"schedule": "daily"}}, "schedule"),
    ],
    ids=lambda given: json.dumps(given)[:60],
)
def test_a_wrong_value_is_refused_by_its_name(given: dict[str, Any], names: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape(names)):
        rendered(given)


def test_a_pool_that_would_shrink_below_its_least_is_refused() -> None:
    pool = {"enabled": True, "minReplicas": 5, "maxReplicas": 4}
    with pytest.raises(helm.HelmError, match=r"workers\.pools\.gpu: minReplicas is above"):
        rendered({"keda": {"enabled": True}, "workers": {"pools": {"gpu": pool}}})


def test_what_the_chart_sets_itself_is_not_set_twice_and_exists() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    kept = set(schema["properties"]["secretSettings"]["propertyNames"]["not"]["enum"])
    assert {name for name in kept if not name.startswith("OTEL_")} <= KNOWN
    written = "\n".join(path.read_text() for path in (CHART / "templates").iterdir())
    read = re.compile(r'index \$settings "(LATHE_[A-Z0-9_]+)"')
    assert set(re.findall(r"\bLATHE_[A-Z0-9_]+", read.sub("", written))) <= kept
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
    assert defaults.keys() <= KNOWN - kept
    assert set(read.findall(written)) <= defaults.keys()


def test_two_releases_in_one_namespace_share_no_name() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        manifests = rendered(values("gpu"), release=release)
        return {(m["kind"], m["metadata"]["name"]) for m in manifests}

    assert not names("lathe") & names("trial")
    assert all(name.startswith("trial-lathe") for _, name in names("trial"))


def test_the_schema_comes_first_and_on_the_bundled_database_beside_it() -> None:
    def job(given: dict[str, Any], *, upgrade: bool) -> Manifest:
        (found,) = of_kind(rendered(given, upgrade=upgrade), "Job").values()
        return found

    hook = "pre-install,pre-upgrade"
    assert "annotations" not in job({}, upgrade=False)["metadata"]
    for given, upgrade in ({}, True), (values("external"), False), (values("external"), True):
        found = job(given, upgrade=upgrade)
        assert found["metadata"]["annotations"]["helm.sh/hook"] == hook
        assert "serviceAccountName" not in found["spec"]["template"]["spec"]  # not there yet
    first, later = job({}, upgrade=False), job({}, upgrade=True)
    assert first["metadata"]["name"] != later["metadata"]["name"]


def test_nothing_of_the_bundled_servers_is_left_where_others_are_used() -> None:
    manifests = rendered(values("external"))
    assert of_kind(manifests, "StatefulSet") == {}
    text = json.dumps(manifests)
    assert not re.search(r"lathe-(postgres|valkey|objects)\b", text)
    assert "postgres-password" not in text


def test_the_chart_has_the_version_of_the_service() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (CHART.parents[2] / "pyproject.toml").read_text()
    assert f'version = "{described["appVersion"]}"' in project
