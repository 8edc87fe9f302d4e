"""`make fuzz-api`: the whole OpenAPI document against a real server.

Rounds of generated requests to every operation, right ones and wrong ones, by an admin, by a
reader, by somebody else's key and by nobody, at things that are there and things that are not.
Exits 1 when any answer is a 5xx or not as the document says; `benchmarks/results/fuzz_api.json`
is written for the run with --keep.
"""

import argparse
import json
import re
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import negative_data_rejection

from benchmarks.harness import RESULTS
from tests.fuzz.api.cases import MODES, Drawn, drawn, settle
from tests.fuzz.api.checks import CHECKS, REJECTED, answered_wrongly, let_in, passes
from tests.fuzz.api.tally import Tally
from tests.fuzz.api.world import World, world

A_ROUND = 20  # cases of an operation in each mode
TIMEOUT_S = 20
_ODD_METHODS = ("PUT", "TRACE", "PROPFIND")


def main() -> int:
    """Run; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="make fuzz-api")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--cases", type=int, default=1000, help="at least, on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="a regular expression of operation ids")
    parser.add_argument("--keep", action="store_true", help="store the counts")
    asked = parser.parse_args()
    runs = []
    for database in asked.database or ["sqlite", "postgresql"]:
        begun = time.monotonic()
        with world(database) as there:
            tally = _run(there, asked.cases, asked.seed, asked.only or "")
        runs.append(
            {
                "database": database,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "seed": asked.seed,
                "seconds": round(time.monotonic() - begun, 1),
                **tally.result(),
            }
        )
        print(
            f"{database}: {tally.cases.total()} cases, {len(tally.failures)} kinds of failure"
        )
    if asked.keep:
        _store(runs)
    return 1 if any(run["failures"] for run in runs) else 0


def _run(there: World, cases: int, first_seed: int, only: str) -> Tally:
    document = there.api.get("/openapi.json").raise_for_status().json()
    _without_keys(document)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.checks.negative_data_rejection.expected_statuses = [
        str(status) for status in REJECTED
    ]
    operations = [found.ok() for found in schema.get_all_operations()]
    tally, session, number = Tally(), requests.Session(), first_seed * 1000
    session.trust_env = False
    while tally.cases.total() < cases:
        for operation in operations:
            if re.search(only, _id(operation)):
                for mode in MODES:
                    _round(there, tally, session, operation, mode, number)
        number += 1
    for path in document["paths"]:
        _odd_methods(there, tally, path, document["paths"][path])
    return tally


def _without_keys(document: dict[str, Any]) -> None:
    """Who asks is ours to choose; else every second wrong request lacks nothing but a key."""
    document["components"].pop("securitySchemes")
    for path in document["paths"].values():
        for operation in path.values():
            operation.pop("security", None)


def _round(
    there: World,
    tally: Tally,
    session: requests.Session,
    operation: Any,
    mode: schemathesis.GenerationMode,
    number: int,
) -> None:
    @seed(number)
    @settings(
        max_examples=A_ROUND * (3 if operation.body else 1),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn(operation, mode))
    def each(one: Drawn) -> None:
        _sent(there, tally, session, one)

    try:
        each()
    except Unsatisfiable:
        if mode is schemathesis.GenerationMode.POSITIVE:
            raise  # what has no parameter cannot be asked wrongly


def _sent(there: World, tally: Tally, session: requests.Session, one: Drawn) -> None:
    case, operation_id = one.case, _id(one.case.operation)
    headers = settle(one, there, operation_id)
    label = case.operation.label
    try:
        answer = case.call(
            base_url=there.url, session=session, headers=headers, timeout=TIMEOUT_S
        )
    except requests.RequestException as error:
        tally.failed(label, f"no answer: {type(error).__name__}", 0, f"{case!r}\n{error}")
        return
    status, found = answer.status_code, []
    try:
        checks = CHECKS if one.mended else [*CHECKS, negative_data_rejection]
        case.validate_response(answer, checks=checks, headers=headers)
    except FailureGroup as group:
        found = [(failure.title, failure.message) for failure in group.exceptions]
    media_type = ";".join(answer.headers.get("content-type", [""])).partition(";")[0]
    if wrong := answered_wrongly(case, status, media_type, answer.headers):
        found.append((wrong, ""))
    if let_in(operation_id, has_key=one.who in there.keys, status=status):
        found.append(("somebody without a key was let in", ""))
    said = answer.content[:1500].decode(errors="replace")
    if one.who == "foreign" and case.path_parameters and status < requests.codes.bad_request:
        found.append(("another project's key was answered", ""))
    for what, why in found:
        if passes(operation_id, what, answer):
            continue
        example = f"{why}\n{case.as_curl_command(headers)[:1500]}\n{said}"
        tally.failed(label, what, status, example)
    tally.answered(label, status)


def _odd_methods(there: World, tally: Tally, path: str, offered: dict[str, Any]) -> None:
    """A method that a path does not offer is 405, and `Allow` names those that it does."""
    address = re.sub(r"\{(\w+)\}", lambda name: there.ids[name[1]], path)
    for method in _ODD_METHODS:
        answer = there.api.request(method, address)
        allowed = set(answer.headers.get("allow", "").replace(" ", "").split(","))
        label = f"{method} {path}"
        if answer.status_code != requests.codes.method_not_allowed:
            tally.failed(label, "not 405", answer.status_code, answer.text)
        elif not {each.upper() for each in offered} <= allowed:
            tally.failed(label, "Allow does not name what is offered", 405, str(allowed))
        tally.answered(label, answer.status_code)


def _id(operation: Any) -> str:
    return str(operation.definition.raw["operationId"])


def _store(runs: list[dict[str, Any]]) -> None:
    """Runs of a database that was not asked for this time stay as they are."""
    file, ran = RESULTS / "fuzz_api.json", {run["database"] for run in runs}
    before = json.loads(file.read_text())["runs"] if file.exists() else []
    runs = [run for run in before if run["database"] not in ran] + runs
    result = {
        "name": "fuzz_api",
        "with": {name: version(name) for name in ("schemathesis", "hypothesis", "fastapi")},
        "runs": runs,
    }
    file.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
