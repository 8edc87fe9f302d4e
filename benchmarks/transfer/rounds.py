"""One round after the other: the same body into the bare server and the service, and out."""

import hashlib
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from statistics import median

from sqlalchemy import update

from app.store.db import sessions, sync_engine
from app.store.rows import Model
from benchmarks.transfer.servers import Server
from benchmarks.transfer.watch import Watched, quiet_disk, watching
from benchmarks.transfer.wire import Exchange, exchange, rewrite_beginning
from lathe.states import UploadState

BARE, SAFE, LATHE = "bare", "bare-and-fsync", "lathe"
DOWNLOADS = 4  # a round: they are short


@dataclass(slots=True)
class Side:
    """One server's transfers in one direction, a list entry each."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    growth_bytes: list[int] = field(default_factory=list)

    def add(self, seconds: float, watched: Watched) -> None:
        """One transfer and what was seen meanwhile."""
        self.seconds.append(seconds)
        self.cpu_s.append(watched.cpu_s)
        self.growth_bytes.append(watched.growth_bytes)


Sides = dict[str, Side]


def share(sides: Sides, of: str) -> float:
    """The service's rate over the other server's, medians over the rounds."""
    return median(sides[of].seconds) / median(sides[LATHE].seconds)


@dataclass(slots=True)
class Rounds:
    """`up` and `down` hold what was timed, by server."""

    bare: Server
    service: Server
    body: Path
    up: Sides = field(default_factory=lambda: {name: Side() for name in (BARE, SAFE, LATHE)})
    down: Sides = field(default_factory=lambda: {name: Side() for name in (BARE, LATHE)})
    waits_s: list[float] = field(default_factory=list)

    def run(self, number: int) -> None:
        """Upload a new content to everybody, then download it several times.

        Raises RuntimeError for an answer that is not what it must be.
        """
        names = (BARE, SAFE, LATHE) if number % 2 else (LATHE, SAFE, BARE)
        model_id = ""
        for name in names:
            self._renew()
            if name == LATHE:
                model_id = self.upload(self.up[LATHE])
            else:
                self._put(name, number)
        _make_ready(self.service, model_id)
        for _ in range(DOWNLOADS):
            self._get(BARE, f"{self.bare.url}/{BARE}{number}", self.bare)
            self._get(LATHE, f"{self.service.url}/v1/models/{model_id}/content", self.service)
        self._remove()

    def listen(self) -> None:
        """One more upload, not timed, while `/healthz` is asked all along."""
        self._renew()
        with watching(self.service.pid, self.service.url) as watched:
            self.upload(Side())
        self.waits_s += sorted(watched.waits_s)
        self._remove()

    def upload(self, side: Side) -> str:
        """Send the body to the service as a model; returns its id."""
        with watching(self.service.pid) as watched:
            url = f"{self.service.url}/v1/models"
            answer = exchange(url, "POST", headers=self.service.headers, file=self.body)
        _must_be(answer, HTTPStatus.CREATED)
        view = json.loads(answer.body)
        if view["sha256"] != _sha256(self.body):
            raise RuntimeError("the service's digest is another one")
        side.add(answer.seconds, watched)
        return str(view["id"])

    def _put(self, name: str, number: int) -> None:
        with watching(self.bare.pid) as watched:
            url = f"{self.bare.url}/{'safe' if name == SAFE else 'plain'}/{name}{number}"
            answer = exchange(url, "PUT", file=self.body)
        _must_be(answer, HTTPStatus.CREATED)
        self.up[name].add(answer.seconds, watched)

    def _get(self, name: str, url: str, server: Server) -> None:
        with watching(server.pid) as watched:
            answer = exchange(url, "GET", headers=server.headers)
        _must_be(answer, HTTPStatus.OK)
        if answer.body_bytes != self.body.stat().st_size:
            raise RuntimeError(f"{answer.body_bytes} bytes came")
        self.down[name].add(answer.seconds, watched)

    def _renew(self) -> None:
        rewrite_beginning(self.body)
        quiet_disk()

    def _remove(self) -> None:
        """What was stored goes, so that every round finds the same room."""
        for folder in (self.bare.folder, self.service.folder / "objects"):
            for path in folder.rglob("*"):
                if path.is_file() and path.stat().st_size == self.body.stat().st_size:
                    path.unlink()


def _must_be(answer: Exchange, status: HTTPStatus) -> None:
    if answer.status != status:
        raise RuntimeError(f"status {answer.status}: {answer.body[:500]!r}")


def _make_ready(service: Server, model_id: str) -> None:
    """Plays the inspection, which is no part of a transfer: the upload is its own canonical
    form."""
    engine = sync_engine(f"sqlite:///{service.folder / 'lathe.db'}")
    with sessions(engine).begin() as session:
        session.execute(
            update(Model)
            .where(Model.id == model_id)
            .values(state=UploadState.READY, canonical_blob_id=Model.upload_blob_id)
        )
    engine.dispose()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
