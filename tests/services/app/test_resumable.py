"""Uploads through processes that are killed at any moment, on files and on S3: what was
acknowledged is there, and what comes out is what went in."""

import base64
import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.store.blobs.objects import Objects
from app.store.bootstrap import bootstrap
from app.store.db import sessions, sync_engine
from app.store.rows import Blob, Job, Model, Upload, UploadPart
from app.store.rows.base import utc_now
from lathe.states import JobState, UploadState
from stacks.s3 import S3
from tests.services.app.mortal import ROOT, Mortal, mortal
from worker.keep_settings import KeepSettings
from worker.upkeep import Upkeep

TUS = {"Tus-Resumable": "1.0.0"}
MIB = 1 << 20
SIZE_BYTES = 48 * MIB + 12_345
ROUNDS = 6
PACE_S = 0.004  # a chunk of 256 KiB: some 60 MiB/s at most, so that a kill finds it at work


@dataclass(frozen=True)
class Place:
    """Where a service keeps things, and how to look behind its back."""

    environment: dict[str, str]
    key: str
    log: Path
    stored: Callable[[str], bytes]
    names: Callable[[], list[str]]
    leased: bool

    @property
    def headers(self) -> dict[str, str]:
        return {**TUS, "Authorization": f"Bearer {self.key}"}

    def objects(self) -> Objects:
        return Objects.open(
            self.environment["LATHE_OBJECTS_URL"],
            access_key_id=self.environment.get("LATHE_S3_ACCESS_KEY_ID"),
            secret_access_key=self.environment.get("LATHE_S3_SECRET_ACCESS_KEY"),
        )

    @contextmanager
    def rows(self) -> Iterator[Any]:
        engine = sync_engine(self.environment["LATHE_DATABASE_URL"])
        with sessions(engine).begin() as session:
            yield session
        engine.dispose()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    common = {"LATHE_BROKER_URL": f"redis+socket://{tmp_path}/none.sock"}
    log = tmp_path / "api.log"
    if request.param == "folder":
        database_url = request.getfixturevalue("sqlite_database_url")
        root = tmp_path / "objects"
        where = {"LATHE_DATABASE_URL": database_url, "LATHE_OBJECTS_URL": f"file://{root}"}
        key = str(bootstrap(database_url))
        return Place(
            {**common, **where},
            key,
            log,
            lambda name: (root / name).read_bytes(),
            lambda: [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()],
            leased=False,
        )
    database_url = request.getfixturevalue("postgres_database_url")
    s3: S3 = request.getfixturevalue("s3")
    prefix = f"test{os.getpid()}{random.randrange(10**9)}"
    where = {
        "LATHE_DATABASE_URL": database_url,
        "LATHE_OBJECTS_URL": s3.under(prefix),
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
    }

    def stored(name: str) -> bytes:
        got = s3.client().get_object(Bucket=s3.bucket, Key=f"{prefix}/{name}")
        content: bytes = got["Body"].read()
        return content

    key = str(bootstrap(database_url))
    return Place(
        {**common, **where},
        key,
        log,
        stored,
        lambda: [name.removeprefix(f"{prefix}/") for name in s3.names(prefix)],
        leased=True,
    )


@pytest.fixture
def content() -> bytes:
    return random.Random(7).randbytes(SIZE_BYTES)


def begin(api: Mortal, place: Place, content: bytes) -> str:
    promise = base64.b64encode(hashlib.sha256(content).hexdigest().encode()).decode()
    headers = {
        **place.headers,
        "Upload-Length": str(len(content)),
        "Upload-Metadata": f"sha256 {promise}",
    }
    answer = httpx.post(f"{api.url}/v1/uploads", headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 201, answer.text
    return f"{api.url}{answer.headers['location']}"


def offset(place: Place, address: str) -> int:
    answer = httpx.head(address, headers=place.headers, trust_env=False, timeout=30)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def patch(
    place: Place, address: str, start: int, body: Iterator[bytes] | bytes
) -> httpx.Response:
    headers = {
        **place.headers,
        "Upload-Offset": str(start),
        "Content-Type": "application/offset+octet-stream",
    }
    return httpx.patch(address, headers=headers, content=body, trust_env=False, timeout=60)


def paced(content: bytes, start: int, sent: list[int]) -> Iterator[bytes]:
    """In small pieces that take a while; `sent` says where it is."""
    for at in range(start, len(content), 256 << 10):
        piece = content[at : at + (256 << 10)]
        time.sleep(PACE_S)
        yield piece
        sent.append(at + len(piece))


def finish(place: Place, address: str, content: bytes) -> None:
    deadline = time.monotonic() + 60
    while (at := offset(place, address)) < len(content):
        assert time.monotonic() < deadline
        answer = patch(place, address, at, content[at:])
        if answer.status_code != 204:
            assert answer.status_code == 423, answer.text  # the dead one's lease
            time.sleep(0.5)


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(
    place: Place, content: bytes
) -> None:
    dice = random.Random(11)
    with mortal(place.environment, place.log) as api:
        address = begin(api, place, content)
        known = 0
        for _ in range(ROUNDS):
            at, sent = offset(place, address), [0]
            assert at >= known
            known = at

            def send(at: int = at, sent: list[int] = sent) -> None:
                with suppress(httpx.TransportError):
                    patch(place, address, at, paced(content, at, sent))

            thread = threading.Thread(target=send)
            thread.start()
            time.sleep(dice.uniform(0.02, 0.5))
            api.kill()
            thread.join()
            api.start()
            assert offset(place, address) <= max(*sent, at)
        finish(place, address, content)
        route = f"{api.url}/v1/models?upload={address.rpartition('/')[2]}"
        made = httpx.post(route, headers=place.headers, trust_env=False, timeout=60)
        assert made.status_code == 201, made.text
        with place.rows() as session:
            blob = session.scalars(select(Blob)).one()
            assert session.scalars(select(UploadPart)).all() == []
            assert (blob.size_bytes, blob.sha256) == (
                len(content),
                hashlib.sha256(content).hexdigest(),
            )
            assert place.stored(blob.key) == content
            assert place.names() == [blob.key]


def test_an_acknowledged_piece_is_there_after_a_kill_and_so_is_the_promise(
    place: Place, content: bytes
) -> None:
    with mortal(place.environment, place.log) as api:
        address = begin(api, place, content)
        assert patch(place, address, 0, content[:100_001]).status_code == 204
        api.kill()
        api.start()
        assert offset(place, address) == 100_001
        assert patch(place, address, 100_001, content[100_001 : 20 * MIB]).status_code == 204
        api.kill()
        api.start()
        assert offset(place, address) == 20 * MIB
        wrong = content[20 * MIB : -1] + bytes([content[-1] ^ 1])
        answer = patch(place, address, 20 * MIB, wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert place.names() == []


def test_two_processes_never_add_to_one_upload_at_once(place: Place, content: bytes) -> None:
    with (
        mortal(place.environment, place.log) as one,
        mortal(place.environment, place.log) as two,
    ):
        first = begin(one, place, content)
        second = first.replace(one.url, two.url)
        sent, answers = [0], []

        def send() -> None:
            try:
                answers.append(patch(place, first, 0, paced(content, 0, sent)))
            except httpx.TransportError:
                answers.append(None)

        thread = threading.Thread(target=send)
        thread.start()
        while sent[-1] < 10 * MIB:
            time.sleep(0.01)
        refused = patch(place, second, offset(place, second), content[:100])
        assert (refused.status_code, refused.json()["code"]) in {
            (423, "locked"),
            (409, "conflict"),  # it moved on between the two questions
        }
        one.freeze()  # with the upload in its hands
        if place.leased:
            deadline = time.monotonic() + 40
            while patch(place, second, offset(place, second), b"").status_code == 423:
                assert time.monotonic() < deadline, "the lease never ends"
                time.sleep(1)
            finish(place, second, content)
            one.thaw()
            thread.join()
            assert answers[0] is None or answers[0].status_code in {404, 409, 503}
        else:
            assert patch(place, second, offset(place, second), b"").status_code == 423
            one.thaw()
            thread.join()
            assert answers[0].status_code == 204
        upload_id = first.rpartition("/")[2]
        with place.rows() as session:
            row = session.get(Upload, upload_id)
            assert row.found_sha256 == hashlib.sha256(content).hexdigest()
            assert place.stored(row.key) == content


def test_the_sweep_deletes_what_was_abandoned_and_spares_what_is_used(
    place: Place, content: bytes
) -> None:
    with mortal(place.environment, place.log) as api:
        abandoned, used = begin(api, place, content), begin(api, place, content)
        assert patch(place, abandoned, 0, content[: 20 * MIB]).status_code == 204
        finish(place, used, content)
        route = f"{api.url}/v1/models?upload={used.rpartition('/')[2]}"
        made = httpx.post(route, headers=place.headers, trust_env=False, timeout=60)
        assert made.status_code == 201, made.text
    assert len(place.names()) > 1
    with place.rows() as session:
        session.execute(update(Upload).values(expires_at=utc_now()))
    engine = sync_engine(place.environment["LATHE_DATABASE_URL"])
    Upkeep(sessions(engine), place.objects(), KeepSettings()).all()
    engine.dispose()
    with place.rows() as session:
        blob = session.scalars(select(Blob)).one()
        assert session.scalars(select(Upload)).all() == []
        assert session.scalars(select(UploadPart)).all() == []
    assert place.names() == [blob.key]
    assert place.stored(blob.key) == content


@contextmanager
def inspector(place: Place) -> Iterator[None]:
    """Plays the worker that finds every model ready."""
    over = threading.Event()

    def inspect() -> None:
        while not over.wait(0.3):
            with place.rows() as session:
                pending = Model.state == UploadState.PENDING
                done = select(Model.inspection_job_id).where(pending)
                ended = {"state": JobState.SUCCEEDED, "finished_at": utc_now()}
                session.execute(update(Job).where(Job.id.in_(done)).values(**ended))
                session.execute(update(Model).where(pending).values(state=UploadState.READY))

    thread = threading.Thread(target=inspect)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


SENDER = """
import sys
from pathlib import Path
from lathe.client import Client

def told(done, of):
    print(done, flush=True)

with Client(sys.argv[1], sys.argv[2]) as lathe:
    print(lathe.upload_model(Path(sys.argv[3]), told=told).id, flush=True)
"""


def read_until(sender: "subprocess.Popen[str]", sent_bytes: int) -> int:
    """The first count of bytes at or over `sent_bytes` that it tells."""
    assert sender.stdout is not None
    return next(int(line) for line in sender.stdout if int(line) >= sent_bytes)


def test_the_client_goes_on_after_its_own_end_and_the_services(
    place: Place, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(content)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with mortal(place.environment, place.log) as api:

        def sender() -> "subprocess.Popen[str]":
            return subprocess.Popen(
                [sys.executable, "-c", SENDER, api.url, place.key, str(file)],
                cwd=ROOT,
                env={**os.environ, **cache, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )

        with sender() as killed:
            read_until(killed, 12 * MIB)
            killed.kill()
        with sender() as again, inspector(place):
            assert read_until(again, 0) > 0
            read_until(again, 30 * MIB)
            api.kill()
            api.start()
            said = (again.stdout or io.StringIO()).read().split()
        assert again.returncode == 0
        assert said[-1].startswith("mdl_")
        with place.rows() as session:
            blob = session.scalars(select(Blob)).one()
            assert blob.sha256 == hashlib.sha256(content).hexdigest()
            assert len(session.scalars(select(Upload)).all()) == 1
    assert list((tmp_path / "cache/lathe/uploads").iterdir()) == []
