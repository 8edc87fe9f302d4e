"""A finished job's manifest, from the worker's key to `lathe verify`."""

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app.store.rows import Artifact, Blob, Job, SigningKey
from lathe.states import JobState
from lathe.views import BILL, MANIFEST
from tests.services.worker.conftest import take
from tests.services.worker.shop import Shop
from tests.services.worker.test_supervise import spec
from worker.bench import Bench
from worker.supervise import supervise


@pytest.fixture
def job(shop: Shop, bench: Bench) -> Job:
    """One that has succeeded."""
    job_id = shop.submit(spec(shop, {}))
    supervise(take(bench), bench)
    done = shop.job(job_id)
    assert done.state == JobState.SUCCEEDED, done.failure
    return done


@pytest.fixture
def out(shop: Shop, job: Job) -> Path:
    """Its artifacts, as a client downloads them, and the public keys beside the folder."""
    return downloaded(shop, job.id)


def downloaded(shop: Shop, job_id: str) -> Path:
    folder = shop.folder / job_id
    folder.mkdir()
    for artifact in shop.rows(Artifact, job_id=job_id):
        (blob,) = shop.rows(Blob, id=artifact.blob_id)
        shop.objects.read_to_file(blob.key, folder / artifact.name)
        assert blob.size_bytes == (folder / artifact.name).stat().st_size
    for key in shop.rows(SigningKey):
        (shop.folder / f"{key.id}.pem").write_text(key.public_key)
    return folder


def verify(out: Path, key: Path | None = None) -> tuple[int, str]:
    """In a process of its own that dies of its first socket."""
    if key is None:
        (key,) = out.parent.glob("*.pem")
    program = (
        "import sys\n"
        "def offline(event, _):\n"
        "    if event.startswith('socket.'): raise AssertionError(event)\n"
        "sys.addaudithook(offline)\n"
        "from lathe.cli import app; app(sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "verify", out, "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def said(out: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        base64.b64decode(json.loads((out / MANIFEST).read_text())["payload"])
    )
    return value


def test_what_a_job_made_is_true_without_a_network(out: Path, job: Job) -> None:
    status, told = verify(out)
    assert status == 0, told
    for name in ("small.onnx", "report.json", "report.html", BILL):
        assert f"{name}: true" in told
    assert job.id in told


def test_the_manifest_tells_what_went_in_and_how(shop: Shop, out: Path, job: Job) -> None:
    assert job.spec is not None
    build = said(out)["predicate"]["buildDefinition"]
    told = build["externalParameters"]["spec"]
    assert (told["seed"], told["model"]) == (0, job.spec["model"])
    assert [step["id"] for step in told["pipeline"]] == ["clean", "train", "int8"]
    assert "epochs" in told["pipeline"][1]  # a default that nobody wrote
    inputs = {each["name"]: each for each in build["resolvedDependencies"]}
    assert set(inputs) == {"model", "baseline", "dataset"}
    hashes = {blob.sha256 for blob in shop.rows(Blob)}
    assert {each["digest"]["sha256"] for each in inputs.values()} < hashes
    assert inputs["model"]["uri"] == f"urn:lathe:{job.spec['model']}"
    run = said(out)["predicate"]["runDetails"]
    assert run["metadata"]["invocationId"] == job.id
    assert {"lathe", "torch", "onnx", "python"} <= set(run["builder"]["version"])


def test_the_bill_is_cyclonedx(out: Path) -> None:
    text = (out / BILL).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    model = bill["metadata"]["component"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "small.onnx")
    small = next(each for each in said(out)["subject"] if each["name"] == "small.onnx")
    assert model["hashes"] == [{"alg": "SHA-256", "content": small["digest"]["sha256"]}]
    (data,) = [each for each in bill["components"] if each["type"] == "data"]
    assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0] == {
        "type": "size_bytes",
        "value": "64",
    }
    assert "torch" in {each["name"] for each in bill["components"]}


def test_the_schema_refuses_a_bill_that_is_none(out: Path) -> None:
    bill = json.loads((out / BILL).read_text())
    bill["metadata"]["component"]["type"] = "pudding"
    told = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill))
    assert told is not None


def test_what_was_changed_on_the_way_is_refused(out: Path) -> None:
    file = out / "small.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 0x80
    file.write_bytes(data)
    status, told = verify(out)
    assert (status, "small.onnx was changed" in told) == (4, True), told


def test_openssl_agrees_with_the_signature(out: Path, tmp_path: Path) -> None:
    envelope = json.loads((out / MANIFEST).read_text())
    body = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (tmp_path / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body))
    (signature,) = envelope["signatures"]
    (tmp_path / "sig").write_bytes(base64.b64decode(signature["sig"]))
    (key,) = tmp_path.glob("*.pem")
    assert key.stem == signature["keyid"]
    subprocess.run(
        [
            *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin"),
            *("-in", tmp_path / "pae", "-sigfile", tmp_path / "sig"),
        ],
        check=True,
        capture_output=True,
    )


def test_the_key_is_its_owners_alone(bench: Bench, job: Job) -> None:
    path = bench.settings.signing_key_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_exchanged_key_signs_the_next_job_and_the_old_one_stays_known(
    shop: Shop, bench: Bench, job: Job, out: Path
) -> None:
    (old,) = shop.rows(SigningKey)
    bench.settings.signing_key_file.unlink()
    later_id = shop.submit(spec(shop, {}))
    supervise(take(bench), bench)
    later = downloaded(shop, later_id)
    (new,) = [each for each in shop.rows(SigningKey) if each.id != old.id]
    old_pem, new_pem = (shop.folder / f"{each.id}.pem" for each in (old, new))
    assert (verify(out, old_pem)[0], verify(later, new_pem)[0]) == (0, 0)
    assert (verify(out, new_pem)[0], verify(later, old_pem)[0]) == (4, 4)


def test_a_job_whose_key_cannot_be_read_waits_and_says_why(shop: Shop, bench: Bench) -> None:
    path = bench.settings.signing_key_file
    path.parent.mkdir()
    path.write_text("junk")
    job_id = shop.submit(spec(shop, {}))
    supervise(take(bench), bench)
    waiting = shop.job(job_id)
    assert waiting.state == JobState.QUEUED
    assert "signing key" in (waiting.waiting_for or "")
    assert not shop.rows(Artifact, job_id=job_id)


def test_a_child_cannot_hand_over_a_manifest_of_its_own(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"name_a_file": MANIFEST}))
    supervise(take(bench), bench)
    job = shop.job(job_id)
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert MANIFEST in job.failure["detail"]
    assert not shop.rows(Artifact, job_id=job_id)
