"""`lathe usage`, for people and for programs."""

import json

from tests.unit.lathe.cli.conftest import Run
from tests.unit.lathe.cli.played import Played, found

USAGE = {
    "project": "prj_a",
    "at": "2031-05-07T09:08:07Z",
    "stored": {
        "total": 1_234_567_890,
        "models": 34_567_890,
        "datasets": 1_200_000_000,
        "artifacts": 0,
        "uploads": 0,
        "checkpoints": 5,
    },
    "jobs": {"queued": 3, "running": 2, "succeeded": 40, "failed": 1, "cancelled": 0},
    "running": {"intake": 0, "cpu": 2, "gpu": 0},
    "month": {
        "since": "2031-05-01T00:00:00Z",
        "until": "2031-06-01T00:00:00Z",
        "minutes": {"intake": 0.5, "cpu": 61.25, "gpu": 12.34},
    },
    "limits": {
        "stored_bytes": 50_000_000_000,
        "unfinished_jobs": None,
        "running_jobs": 2,
        "running_gpu": 1,
        "gpu_minutes": 600,
    },
}


def test_people_get_what_is_used_beside_what_is_allowed(service: Played, run: Run) -> None:
    service.on("GET /v1/usage", found(USAGE))
    said = run("usage")
    assert said.exit_code == 0, said.stderr
    lines = [line.split() for line in said.stdout.splitlines()]
    for expected in (
        "stored 1.235 GB 50 GB",
        "models 34.57 MB",
        "datasets 1.2 GB",
        "unfinished jobs 5 none",
        "running in cpu 2 2",
        "running in gpu 0 1",
        "GPU minutes 12.3 600",
        "CPU minutes 61.2",
        "minutes from 2031-05-01 to 2031-06-01",
    ):
        assert expected.split() in lines


def test_programs_get_the_answer_as_it_is(service: Played, run: Run) -> None:
    service.on("GET /v1/usage", found(USAGE))
    said = run("usage", "--json")
    assert json.loads(said.stdout) == USAGE
