"""The files that the chart carries are those of compose: nginx, alerts, the dashboard."""

import json
from typing import Any

import crossplane
import yaml

from tests.unit.stack.chart import CHART, Manifest, of_kind, pods, rendered
from tests.unit.stack.chart_pods import environment, only
from tests.unit.stack.compose import ROOT, services
from tests.unit.stack.test_compose import SECRETS


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


def test_an_ingress_that_is_trusted_says_who_called(tmp_path: Any) -> None:
    given = {"proxy": {"trusted": ["10.1.0.0/16", "fd00::/8"]}}
    place = tmp_path / "nginx.conf"
    place.write_text(of_kind(rendered(given), "ConfigMap")["lathe-proxy"]["data"]["nginx.conf"])
    read = crossplane.parse(str(place), single=True, strict=True)
    assert read["status"] == "ok", read["errors"]
    (http,) = [each for each in read["config"][0]["parsed"] if each["directive"] == "http"]
    (server,) = [each for each in http["block"] if each["directive"] == "server"]
    told = {(each["directive"], *each["args"]) for each in server["block"]}
    assert {
        ("real_ip_header", "X-Forwarded-For"),
        ("real_ip_recursive", "on"),
        ("set_real_ip_from", "10.1.0.0/16"),
        ("set_real_ip_from", "fd00::/8"),
    } <= told


def test_the_api_believes_its_proxy_about_who_called(manifests: list[Manifest]) -> None:
    theirs = services(SECRETS)["api"]["environment"]["FORWARDED_ALLOW_IPS"]
    assert environment(only(pods(manifests)["api"][1]))["FORWARDED_ALLOW_IPS"] == theirs


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
