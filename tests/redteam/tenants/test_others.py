"""What belongs to another project, asked for by everything that could name it."""

import base64

import httpx
import pytest

from app.store.pages import decode_cursor
from tests.redteam.door import Door, problem
from tests.redteam.tenants.conftest import Loot, Store
from tests.services.worker.nets import perceptron

MISSING = "404, `not_found`, as if it did not exist"
OWNED = "every statement asks for the project of the key"


def missing(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


class TestAnothersIds:
    """Ids of another project's model, data set, job, artifact, upload and webhook"""

    seen = MISSING
    guard = OWNED

    def paths(self, loot: Loot) -> list[str]:
        return [
            f"/v1/models/{loot.model}",
            f"/v1/models/{loot.model}/content",
            f"/v1/datasets/{loot.dataset}",
            f"/v1/jobs/{loot.job}",
            f"/v1/jobs/{loot.job}/events",
            f"/v1/jobs/{loot.job}/report",
            f"/v1/jobs/{loot.job}/report.html",
            f"/v1/jobs/{loot.job}/artifacts",
            f"/v1/artifacts/{loot.artifact}/content",
            f"/v1/uploads/{loot.upload}",
            f"/v1/webhooks/{loot.webhook}",
            f"/v1/webhooks/{loot.webhook}/deliveries",
        ]

    def test_nothing_is_there(self, door: Door, loot: Loot) -> None:
        for path in self.paths(loot):
            missing(door.http.get(path))
            ranged = door.http.get(path, headers={"Range": "bytes=0-3"})
            missing(ranged)
        for path in (f"/v1/models/{loot.model}", f"/v1/webhooks/{loot.webhook}"):
            missing(door.http.delete(path))
        for what in ("cancel", "retry"):
            missing(door.http.post(f"/v1/jobs/{loot.job}/{what}"))

    def test_all_of_it_is_there_without_the_guard(
        self, unfiltered: Door, victim: Door, loot: Loot, store: Store
    ) -> None:
        for path in self.paths(loot):
            assert victim.http.get(path).status_code == 200, path
            assert unfiltered.http.get(path).status_code == 200, path
        stolen = unfiltered.http.get(f"/v1/models/{loot.model}/content")
        assert stolen.content == victim.http.get(f"/v1/models/{loot.model}/content").content
        ((key,),) = store.rows(
            "select key from blobs where id = (select upload_blob_id from models where id = ?)",
            loot.model,
        )
        assert store.bytes_of(key) == loot.content

    def test_it_is_ended_and_deleted_without_the_guard(
        self, unfiltered: Door, victim: Door
    ) -> None:
        theirs = victim.ready("models", perceptron(43))
        assert unfiltered.http.delete(f"/v1/models/{theirs}").status_code == 204
        missing(victim.http.get(f"/v1/models/{theirs}"))


class TestAnothersModelInAJob:
    """A job of one's own on another's model and data"""

    seen = "404, `not_found` about the field"
    guard = OWNED

    def test_it_is_refused_by_name(self, door: Door, model: str, loot: Loot) -> None:
        steps = [{"technique": "quantize.dynamic"}]
        theirs = door.http.post("/v1/jobs", json={"model": loot.model, "pipeline": steps})
        problem(theirs, 404, "not_found", "model")
        based = {"model": model, "baseline": loot.model, "pipeline": steps}
        problem(door.http.post("/v1/jobs", json=based), 404, "not_found", "baseline")
        judged = {
            "model": model,
            "data": {"evaluation": {"dataset": loot.dataset, "split": "train"}},
            "task": {"kind": "classification"},
            "pipeline": steps,
        }
        answer = door.http.post("/v1/jobs", json=judged)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["param"].startswith("data.evaluation")

    def test_it_is_queued_without_the_guard(self, unfiltered: Door, loot: Loot) -> None:
        steps = [{"technique": "quantize.dynamic"}]
        spec = {"model": loot.model, "pipeline": steps, "benchmark": None}
        answer = unfiltered.http.post("/v1/jobs:validate", json=spec)
        assert answer.json()["problems"] == []
        queued = unfiltered.http.post("/v1/jobs", json=spec)
        assert queued.status_code == 202, queued.text


class TestPromisedHash:
    """The sha256 of another's file, promised for an upload that never brings the bytes"""

    seen = "400, `malformed`, or 409, `not_ready`"
    guard = "a promise is only checked; content is shared within one project, once all came"
    instead = (
        "the store itself, where a hash is enough to find the bytes: no code of the service "
        "takes a hash for the bytes that it promises"
    )

    def test_a_promise_gets_nobodys_bytes(self, door: Door, loot: Loot) -> None:
        promised = {"X-Content-SHA256": loot.sha256}
        answer = door.http.post("/v1/models", content=b"other bytes", headers=promised)
        problem(answer, 400, "malformed")
        packed = base64.b64encode(loot.sha256.encode()).decode()
        begun = door.http.post(
            "/v1/uploads",
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": str(len(loot.content)),
                "Upload-Metadata": f"sha256 {packed}",
            },
        )
        assert begun.status_code == 201
        assert begun.json()["offset_bytes"] == 0  # nothing of it is there already
        upload = begun.headers["location"].rpartition("/")[2]
        used = door.http.post("/v1/models", params={"upload": upload})
        problem(used, 409, "not_ready", "upload")

    def test_the_hash_alone_finds_the_bytes_without_the_guard(
        self, loot: Loot, store: Store
    ) -> None:
        ((key,),) = store.rows("select key from blobs where sha256 = ?", loot.sha256)
        assert store.bytes_of(key) == loot.content


class TestSameContent:
    """The very file of another project, sent to learn whether it was there, then deleted"""

    seen = "a model like any other, of one's own"
    guard = "content is shared within one project alone"
    instead = (
        "the store itself, where the hash is enough to find the other's bytes: what keeps "
        "projects apart is an index of the database, which has the project before the hash"
    )

    def test_it_tells_nothing_and_hurts_nobody(
        self, door: Door, victim: Door, loot: Loot, store: Store
    ) -> None:
        mine = door.sent("models", loot.content)
        new = door.sent("models", loot.content.replace(b"perceptron", b"perceptrom"))
        assert {k for k, v in mine.items() if v is None} == {
            k for k, v in new.items() if v is None
        }
        held = store.rows("select project_id from blobs where sha256 = ?", loot.sha256)
        assert len(held) == len(set(held)) == 2
        assert door.http.delete(f"/v1/models/{mine['id']}").status_code == 204
        theirs = victim.http.get(f"/v1/models/{loot.model}/content")
        assert theirs.status_code == 200

    def test_one_row_for_all_would_be_found_by_its_hash_without_the_guard(
        self, loot: Loot, store: Store
    ) -> None:
        found = store.rows("select key, project_id from blobs where sha256 = ?", loot.sha256)
        assert any(store.bytes_of(key) == loot.content for key, _ in found)


class TestAnothersCursor:
    """A cursor from another project's list"""

    seen = "one's own list"
    guard = "a cursor is a place in time; every list is filtered by its project as well"

    def cursor(self, victim: Door, loot: Loot) -> str:
        assert loot.model
        page = victim.http.get("/v1/jobs?kind=inspect&limit=1").json()
        found: str = page["next_cursor"]
        return found

    def test_it_leads_through_ones_own_things(
        self, door: Door, victim: Door, loot: Loot, model: str
    ) -> None:
        theirs = victim.http.get("/v1/jobs?kind=inspect&limit=200").json()["items"]
        cursor = self.cursor(victim, loot)
        answer = door.http.get(f"/v1/jobs?kind=inspect&cursor={cursor}&limit=200")
        assert answer.status_code == 200
        mine = {item["id"] for item in answer.json()["items"]}
        assert mine
        assert mine.isdisjoint(item["id"] for item in theirs)

    def test_it_leads_through_everybodys_without_the_guard(
        self, unfiltered: Door, victim: Door, loot: Loot, store: Store
    ) -> None:
        _, last_id = decode_cursor(self.cursor(victim, loot))
        found = store.rows("select distinct project_id from jobs where id < ?", last_id)
        assert len(found) >= 2
        theirs = victim.http.get("/v1/jobs?kind=inspect&limit=200").json()["items"]
        cursor = self.cursor(victim, loot)
        answer = unfiltered.http.get(f"/v1/jobs?kind=inspect&cursor={cursor}&limit=200")
        seen = {item["id"] for item in answer.json()["items"]}
        assert not seen.isdisjoint(item["id"] for item in theirs)


class TestAnothersETag:
    """The validator of another's job and file, to learn by 304 whether they changed"""

    seen = MISSING
    guard = "who asks is looked at before any validator, and before the cache"

    def tags(self, victim: Door, loot: Loot) -> dict[str, str]:
        paths = f"/v1/jobs/{loot.job}", f"/v1/artifacts/{loot.artifact}/content"
        return {path: victim.http.get(path).headers["etag"] for path in paths}

    def test_it_is_missing_and_not_unchanged(
        self, door: Door, victim: Door, loot: Loot
    ) -> None:
        for path, tag in self.tags(victim, loot).items():
            missing(door.http.get(path, headers={"If-None-Match": tag}))

    def test_it_is_told_to_be_unchanged_without_the_guard(
        self, unfiltered: Door, victim: Door, loot: Loot
    ) -> None:
        for path, tag in self.tags(victim, loot).items():
            answer = unfiltered.http.get(path, headers={"If-None-Match": tag})
            assert answer.status_code == 304


class TestAnothersIdempotencyKey:
    """An Idempotency-Key that another project has used, to be given its job"""

    seen = "an answer of one's own"
    guard = "the keys of a project are its own"

    @pytest.fixture
    def key(self) -> str:
        return "nightly"

    def test_it_gives_nobody_elses_job(
        self, door: Door, victim: Door, loot: Loot, model: str, key: str
    ) -> None:
        steps = [{"technique": "quantize.dynamic"}]
        header = {"Idempotency-Key": key}
        theirs = {"model": loot.model, "pipeline": steps, "benchmark": None}
        first = victim.http.post("/v1/jobs", json=theirs, headers=header)
        assert first.status_code == 202
        copied = door.http.post("/v1/jobs", json=theirs, headers=header)
        problem(copied, 404, "not_found", "model")
        mine = door.http.post("/v1/jobs", json=theirs | {"model": model}, headers=header)
        assert mine.status_code == 202
        assert mine.json()["id"] != first.json()["id"]
        assert "idempotency-replayed" not in mine.headers

    def test_it_gives_their_job_without_the_guard(
        self, unfiltered: Door, victim: Door, loot: Loot
    ) -> None:
        steps = [{"technique": "quantize.dynamic"}]
        spec = {"model": loot.model, "pipeline": steps, "benchmark": None}
        header = {"Idempotency-Key": "hourly"}
        first, second = (
            one.http.post("/v1/jobs", json=spec, headers=header) for one in (victim, unfiltered)
        )
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["id"] == second.json()["id"]
        assert second.headers["idempotency-replayed"] == "true"
