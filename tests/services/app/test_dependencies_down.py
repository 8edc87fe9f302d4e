"""Real servers stop, freeze and fill up under a running API: it says so in time, and goes on.

The timeouts are set short, so that the whole takes seconds; `WITHIN_S` follows from them.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, select, update

from app.store.bootstrap import bootstrap
from app.store.db import sessions, sync_engine
from app.store.migrate import upgrade
from app.store.rows import Event, Job, Model
from lathe.states import JobKind
from stacks.postgres import Postgres
from stacks.s3 import S3
from stacks.valkey import Valkey
from tests.services.app import hurt
from tests.services.app.door import Answer, Door, door
from tests.services.worker.shop import FACTS

WITHIN_S = 5.0  # a pool's wait, a statement or a bucket's request, and a busy machine
BROKER_S = 0.5
SHORT = {
    "LATHE_DATABASE_CONNECT_TIMEOUT_S": "1",
    "LATHE_DATABASE_STATEMENT_TIMEOUT_S": "1.5",
    "LATHE_DATABASE_POOL_WAIT_S": "1",
    "LATHE_OBJECTS_TIMEOUT_S": "2",
    "LATHE_BROKER_TIMEOUT_S": str(BROKER_S),
    "LATHE_READY_TIMEOUT_S": "1",
}
NEEDS_DATABASE = {"list", "read", "wait", "events", "submit", "upload", "download"}
NEEDS_OBJECTS = {"upload", "download"}
WELL = {
    "list": 200, "read": 200, "wait": 200, "events": 200, "submit": 202, "upload": 201,
    "download": 200,
}  # fmt: skip
LARGE = bytes(range(251)) * 80_000  # 19 MiB: three windows


class Service:
    """The API, what it stands on, and one model and job in it."""

    def __init__(self, door: Door, database_url: str, bridge: hurt.Bridge | None) -> None:
        self.door, self.bridge = door, bridge
        self._engine = sync_engine(database_url)
        self.sessions = sessions(self._engine)
        self.accepted: list[str] = []
        made = door.ask("POST", "/v1/models", content=LARGE)
        assert made.status == 201, made
        self.model_id = str(made.body["id"])
        self.approve(self.model_id)
        self.spec = {"model": self.model_id, "pipeline": [{"technique": "quantize.dynamic"}]}
        self.job_id = str(self.submit().body["id"])

    def close(self) -> None:
        """Close the test's own connections."""
        self._engine.dispose()

    def approve(self, model_id: str) -> None:
        """As a worker would after the inspection."""
        with self.sessions.begin() as session:
            ready = {"state": "ready", "facts": FACTS.model_dump(mode="json")}
            session.execute(
                update(Model)
                .where(Model.id == model_id)
                .values(**ready, canonical_blob_id=Model.upload_blob_id)
            )
            session.execute(
                update(Job)
                .where(Job.model_id == model_id, Job.kind == JobKind.INSPECT)
                .values(state="succeeded")
            )

    def submit(self) -> Answer:
        answer = self.door.ask("POST", "/v1/jobs", json=self.spec)
        if answer.status == 202:
            self.accepted.append(str(answer.body["id"]))
        return answer

    def everything(self, *without: str) -> dict[str, Answer]:
        """One request of each kind, all at once."""
        ask = self.door.ask
        job, model = f"/v1/jobs/{self.job_id}", f"/v1/models/{self.model_id}/content"
        kinds: dict[str, Callable[[], Answer]] = {
            "list": lambda: ask("GET", "/v1/jobs?limit=1"),
            "read": lambda: ask("GET", job),
            "wait": lambda: ask("GET", f"{job}?wait=1"),
            "events": lambda: ask("GET", f"{job}/events"),
            "submit": self.submit,
            "upload": lambda: ask("POST", "/v1/models", content=b"small"),
            "download": lambda: ask("GET", model, headers={"Range": "bytes=5-9"}),
            "readyz": lambda: ask("GET", "/readyz"),
            "healthz": lambda: ask("GET", "/healthz"),
        }
        return self.door.ask_all({k: v for k, v in kinds.items() if k not in without})

    def suffers(self, part: str, refused: set[str], code: str = "unavailable") -> None:
        """What needs the part in trouble is refused in time, all else works, both say why."""
        answers = self.everything()
        slow = {name: each.seconds for name, each in answers.items() if each.seconds > WITHIN_S}
        assert not slow
        assert answers["healthz"].status == 200
        assert answers["healthz"].seconds < 1
        ready = answers["readyz"]
        assert ready.status == (200 if part == "broker" else 503)
        troubled = {name for name in ("database", "objects", "broker") if not ok(ready, name)}
        assert troubled == {part}, ready.body
        for name, usual in WELL.items():
            answer = answers[name]
            if name not in refused:
                assert answer.status in {usual, 206}, (name, answer)
                continue
            assert answer.body["code"] == code, (name, answer)
            assert answer.body["retryable"] is True
            assert answer.body["class"] == "transient"
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")

    def recovers(self) -> None:
        """Everything works again, without a restart."""
        self.door.ready()
        answers = self.everything("wait", "readyz", "healthz")  # a long poll takes its time
        for name, answer in answers.items():
            assert answer.status in {WELL[name], 206}, (name, answer)

    def nothing_is_half_done(self) -> None:
        """Every job that was promised is there, and no row lacks what came with it."""
        with self.sessions() as session:
            jobs = set(session.scalars(select(Job.id)))
            assert set(self.accepted) <= jobs
            told = select(Event.job_id).where(Event.type == "queued")
            assert set(session.scalars(told)) == jobs
            orphans = select(func.count()).where(Model.inspection_job_id.not_in(select(Job.id)))
            assert session.scalar(orphans) == 0
        log = self.door.log.read_text()
        assert "Traceback" not in log, log[-3000:]
        assert '"exception"' not in log, log[-3000:]
        assert "Exception in ASGI" not in log


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def ok(ready: Answer, part: str) -> bool:
    said: dict[str, Any] = json.loads(json.dumps(ready.body[part]))
    assert said["ok"] or said["why"]
    return bool(said["ok"])


@pytest.fixture
def service(
    postgres_database_url: str, valkey: Valkey, s3: S3, tmp_path: Path
) -> Iterator[Service]:
    key = bootstrap(postgres_database_url)
    assert key is not None
    bridge = hurt.Bridge(int(s3.endpoint.rpartition(":")[2]))
    environment = {
        **SHORT,
        "LATHE_DATABASE_URL": postgres_database_url,
        "LATHE_BROKER_URL": valkey.url,
        "LATHE_OBJECTS_URL": s3.url.replace(
            f"%3A{urlsplit(s3.endpoint).port}", f"%3A{bridge.port}"
        ),
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
    }
    try:
        with (
            door(environment, key, tmp_path / "api.log") as running,
            closing(Service(running, postgres_database_url, bridge)) as made,
        ):
            yield made
    finally:
        bridge.end()


def test_the_api_lives_through_the_trouble_of_all_it_stands_on(
    service: Service, postgres: Postgres, valkey: Valkey, postgres_database_url: str
) -> None:
    bridge, database = service.bridge, urlsplit(postgres_database_url).path[1:]
    assert bridge is not None
    service.recovers()
    with hurt.stopped_postgres(postgres):
        service.suffers("database", NEEDS_DATABASE)
    service.recovers()
    with hurt.frozen(postgres._server):
        service.suffers("database", NEEDS_DATABASE)
    service.recovers()
    with hurt.crowded_postgres(postgres, database):
        service.suffers("database", NEEDS_DATABASE)
    service.recovers()
    for store_trouble in (
        lambda: bridge.mood("busy"),
        lambda: bridge.mood("reset"),
        lambda: hurt.frozen(bridge.process),
        bridge.gone,
    ):
        with store_trouble():
            service.suffers("objects", NEEDS_OBJECTS)
        service.recovers()
    for broker_trouble in (
        lambda: hurt.stopped_valkey(valkey),
        lambda: hurt.frozen(valkey._server),
        lambda: hurt.full_valkey(valkey),
    ):
        with broker_trouble():
            service.submit()  # a broker that is full answers, and only a hint finds it out
            service.suffers("broker", set())
            assert service.submit().seconds < BROKER_S  # nobody pays again
        service.recovers()
    service.nothing_is_half_done()


def test_what_is_under_way_ends_or_goes_on(service: Service, postgres: Postgres) -> None:
    bridge, door = service.bridge, service.door
    assert bridge is not None
    heard: list[str] = []

    def listen() -> None:
        accept = {**door.headers, "Accept": "text/event-stream"}
        path = f"{door.url}/v1/jobs/{service.job_id}/events"
        with httpx.stream("GET", path, headers=accept, timeout=30, trust_env=False) as answer:
            heard.extend(answer.iter_lines())  # one after the other, as they come

    listener = Thread(target=listen)
    listener.start()
    until(lambda: "event: queued" in heard)
    with hurt.stopped_postgres(postgres):
        until(lambda: any("database does not answer" in line for line in heard))
    door.ready()
    assert door.ask("POST", f"/v1/jobs/{service.job_id}/cancel").status == 200
    listener.join(15)
    assert [line for line in heard if line.startswith("event:")] == [
        "event: queued",
        "event: cancelled",
    ]

    def into_a_busy_store() -> Iterator[bytes]:
        yield LARGE[: 9 << 20]
        bridge.turn("busy")
        yield LARGE[9 << 20 :]

    broken = door.ask("POST", "/v1/models", content=into_a_busy_store())
    bridge.turn("pass")
    assert (broken.status, broken.body["code"]) == (503, "unavailable")
    content = f"{door.url}/v1/models/{service.model_id}/content"
    with httpx.stream("GET", content, headers=door.headers, trust_env=False) as answer:
        bridge.turn("busy")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            answer.read()
    bridge.turn("pass")
    service.recovers()
    service.nothing_is_half_done()


def test_full_and_locked_disks_are_named(tmp_path: Path, valkey: Valkey) -> None:
    disks = [tmp_path / "database", tmp_path / "objects"]
    url = f"sqlite:///{disks[0]}/lathe.db"
    with hurt.small_disk(disks[0], 16 << 20), hurt.small_disk(disks[1], 48 << 20):
        upgrade(url)
        environment = {
            **SHORT,
            "LATHE_DATABASE_URL": url,
            "LATHE_BROKER_URL": valkey.url,
            "LATHE_OBJECTS_URL": f"file://{disks[1]}",
        }
        with (
            door(environment, str(bootstrap(url)), tmp_path / "api.log") as running,
            closing(Service(running, url, None)) as service,
        ):
            _fill_and_lock(service, disks)


def _fill_and_lock(service: Service, disks: list[Path]) -> None:
    database, objects = disks
    with hurt.filled(objects):
        full = service.door.ask("POST", "/v1/models", content=LARGE)
        assert (full.status, full.body["code"]) == (507, "out_of_disk")
        assert full.headers["retry-after"] == "60"
        assert service.submit().status == 202
    service.recovers()
    with hurt.filled(database):
        answers = [service.submit() for _ in range(60)]
        refused = [each for each in answers if each.status != 202]
        assert refused
        assert {(each.status, each.body["code"]) for each in refused} == {(507, "out_of_disk")}
        assert service.door.ask("GET", f"/v1/jobs/{service.job_id}").status == 200
    service.recovers()
    with service.sessions.begin() as session:  # as another process that writes for long
        session.execute(select(1))
        locked = service.submit()
        assert (locked.status, locked.body["code"]) == (503, "unavailable")
        assert "locked" in str(locked.body["detail"])
        assert locked.seconds < WITHIN_S
        assert service.door.ask("GET", f"/v1/jobs/{service.job_id}").status == 200
    service.recovers()
    service.nothing_is_half_done()
