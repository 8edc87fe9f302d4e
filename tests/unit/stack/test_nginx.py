"""deploy/nginx/nginx.conf, read by nginx' own rules but without nginx."""

import json
from typing import Any

import crossplane
import pytest

from lathe.views import Problem
from tests.unit.stack.compose import ROOT, services
from tests.unit.stack.test_compose import SECRETS

FILE = ROOT / "deploy/nginx/nginx.conf"


@pytest.fixture(scope="module")
def conf() -> list[dict[str, Any]]:
    read = crossplane.parse(str(FILE), single=True, strict=True)
    assert read["status"] == "ok", read["errors"]
    parsed: list[dict[str, Any]] = read["config"][0]["parsed"]
    return parsed


def block(within: list[dict[str, Any]], name: str, *arguments: str) -> list[dict[str, Any]]:
    (found,) = [
        each
        for each in within
        if each["directive"] == name and (not arguments or each["args"] == list(arguments))
    ]
    inside: list[dict[str, Any]] = found["block"]
    return inside


def settings(within: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {each["directive"]: each["args"] for each in within if "block" not in each}


def test_uploads_and_downloads_of_any_size_are_streamed(conf: list[dict[str, Any]]) -> None:
    server = settings(block(block(conf, "http"), "server"))
    assert server["client_max_body_size"] == ["0"]
    assert server["proxy_request_buffering"] == ["off"]
    assert server["proxy_max_temp_file_size"] == ["0"]
    assert server["proxy_http_version"] == ["1.1"]


def test_events_are_not_held_back(conf: list[dict[str, Any]]) -> None:
    server = block(block(conf, "http"), "server")
    events = settings(block(server, "location", "~", "^/v1/jobs/[^/]+/events$"))
    assert events["proxy_buffering"] == ["off"]
    assert events["proxy_pass"] == ["http://api"]


def test_who_speaks_tls_before_it_is_believed(conf: list[dict[str, Any]]) -> None:
    """Or a browser would be given its session's cookie without Secure."""
    server = block(block(conf, "http"), "server")
    assert settings(server)["set"] == ["$outside", "$scheme"]
    told = block(server, "if", "$http_x_forwarded_proto", "=", "https")
    assert settings(told)["set"] == ["$outside", "https"]
    headers = [each["args"] for each in server if each["directive"] == "proxy_set_header"]
    assert ["X-Forwarded-Proto", "$outside"] in headers


def test_numbers_are_for_prometheus_alone(conf: list[dict[str, Any]]) -> None:
    server = block(block(conf, "http"), "server")
    assert settings(block(server, "location", "=", "/metrics"))["return"] == ["404"]


def test_an_api_that_is_away_is_a_problem_like_any_other(conf: list[dict[str, Any]]) -> None:
    server = block(block(conf, "http"), "server")
    away = settings(block(server, "location", "@away"))
    status, body = away["return"]
    problem = Problem.model_validate(json.loads(body))
    assert (int(status), problem.status, problem.code) == (503, 503, "unavailable")
    assert problem.retryable
    assert away["default_type"] == ["application/problem+json"]
    assert away["add_header"][0] == "Retry-After"
    for place in (["/"], ["~", "^/v1/jobs/[^/]+/events$"]):
        assert settings(block(server, "location", *place))["error_page"][-1] == "@away"


def test_it_asks_for_the_api_where_compose_runs_it(conf: list[dict[str, Any]]) -> None:
    http = block(conf, "http")
    upstream = settings(block(http, "upstream", "api"))
    assert upstream["server"] == ["api:8000", "resolve"]
    assert settings(http)["resolver"][0] == "127.0.0.11"
    stack = services(SECRETS)
    assert "front" in stack["api"]["networks"]
    assert set(stack["nginx"]["networks"]) >= {"front", "outside"}
    listens = settings(block(http, "server"))["listen"][0]
    assert stack["nginx"]["ports"][0].endswith(f":{listens}")
    assert f"./{FILE.relative_to(ROOT)}:/etc/nginx/nginx.conf:ro" in stack["nginx"]["volumes"]


def test_it_writes_nowhere_but_below_tmp(conf: list[dict[str, Any]]) -> None:
    http = settings(block(conf, "http"))
    places = [args[0] for name, args in http.items() if name.endswith("_temp_path")]
    assert len(places) == 5
    assert all(place.startswith("/tmp/") for place in [*places, settings(conf)["pid"][0]])
