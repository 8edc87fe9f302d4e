"""Alerts and the dashboard ask for numbers that the service really gives."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import Disk, Metrics, Pool
from app.store.census import Census, Ended, Sweeper, Totals, Unfinished
from app.store.tallies import COUNTED, TIMED, Series
from lathe import errors
from lathe.events import DeliveryState
from lathe.states import JobState, Queue
from tests.unit.stack.compose import ROOT, services
from tests.unit.stack.expressions import read
from tests.unit.stack.test_compose import SECRETS

PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/dashboards/lathe.json"
SOURCES = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml"
# not ours: Prometheus' own, and SeaweedFS' (weed/stats/metrics.go)
SCRAPED = {"job", "instance"}  # labels that Prometheus adds
OTHERS = {"up": SCRAPED, "SeaweedFS_volumeServer_resource": SCRAPED | {"name", "type"}}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Every metric of a service that has seen everything, with its labels."""
    metrics = Metrics(take_dropped=lambda: {"queue_full": 1})
    metrics.answered("GET", "/v1/jobs", 200, 0.1)
    waiting = Unfinished("cpu", "queued", jobs=2, oldest_s=5.0, lapses=1, crashes=0)
    working = Unfinished("cpu", "running", jobs=1, oldest_s=7.0, lapses=0, crashes=1)
    ended = Ended("cpu", "failed", "internal", 1, 1.0, 2.0, 1.0, 2.0, 0, 0)
    place = {("cpu", "cpu"): 1}
    census = Census(
        [waiting, working],
        [ended],
        place,
        place,
        [Sweeper("sweep-1@a", 9, 1)],
        tallies=[
            Series(kind.name, kind.labels, {"count": 1.0, "sum": 1.0})
            for kind in (*COUNTED, *TIMED)
        ],
    )
    totals = Totals([("succeeded", "cpu", 3)], stored_bytes=10)
    disk = Disk(free_bytes=5, size_bytes=10)
    text = metrics.text(census, totals, pool=Pool(in_use=1, limit=8), disk=disk).decode()
    found = dict(OTHERS)
    for family in text_string_to_metric_families(text):
        assert family.samples, f"{family.name} is never given"
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, set(SCRAPED)) | sample.labels.keys()
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def expressions() -> list[str]:
    drawn = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + drawn


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_reads_metrics_and_labels_that_are_given(
    expression: str, known: dict[str, set[str]]
) -> None:
    asked = read(expression)
    assert asked.metrics <= known.keys()
    for metric, label in asked.labels:
        assert label in known[metric], (metric, label)
    for label in asked.grouped:
        assert any(label in known[metric] for metric in asked.metrics), label


def test_states_queues_and_codes_in_expressions_exist() -> None:
    refused = errors.Refused
    codes = {kind.code for kind in _family(refused)}
    words = {
        "state": {*JobState, *get_args(DeliveryState)},
        "queue": set(Queue),
        "code": codes,
        "status": {"5.."},
    }
    words |= {"job": {"lathe-api", "objects"}}
    for expression in expressions():
        for label, value in read(expression).values:
            assert value in words.get(label, {value}), (label, value)


def test_every_metric_of_ours_is_shown_or_watched(known: dict[str, set[str]]) -> None:
    used = {metric for expression in expressions() for metric in read(expression).metrics}
    ours = {name for name in known if not name.endswith(("_created", "_sum", "_count"))}
    assert ours - OTHERS.keys() - used == set()


def test_an_expression_with_an_unknown_metric_or_label_is_seen() -> None:
    asked = read('sum by (colour) (rate(lathe_gone_total{state="queued"}[5m])) > 0')
    assert (asked.metrics, asked.grouped) == ({"lathe_gone_total"}, {"colour"})
    assert asked.labels == {("lathe_gone_total", "state")}


def test_alerts_say_how_bad_what_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_panels_have_a_source_a_title_an_explanation_and_room_of_their_own() -> None:
    (source,) = yaml.safe_load(SOURCES.read_text())["datasources"]
    board = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_what_prometheus_and_grafana_read_is_where_compose_puts_it() -> None:
    stack = services(SECRETS)
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert "./deploy/prometheus:/etc/prometheus:ro" in stack["prometheus"]["volumes"]
    assert config["rule_files"] == ["/etc/prometheus/alerts.yml"]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (api,) = jobs["lathe-api"]["dns_sd_configs"]
    assert (api["names"], api["type"], api["port"]) == (["api"], "A", 8000)
    (objects,) = jobs["objects"]["static_configs"]
    assert objects["targets"] == ["objects:9327"]
    assert "-metricsPort=9327" in stack["objects"]["command"]
    assert {"front", "data"} <= set(stack["prometheus"]["networks"])
    provider = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/dashboards/lathe.yml").read_text()
    )["providers"][0]
    mounted = f"./deploy/grafana/dashboards:{provider['options']['path']}:ro"
    assert mounted in stack["grafana"]["volumes"]
    (source,) = yaml.safe_load(SOURCES.read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"


def _family(kind: type[errors.Refused]) -> Iterator[type[errors.Refused]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
