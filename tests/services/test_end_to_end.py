"""The demo's job over HTTP on real PostgreSQL, Valkey and S3.

The embedded default runs the same job in `make demo`, and others in the tests beside this.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import onnxruntime
import pytest

from examples import demo
from examples.service import Service, embedded
from lathe.client import Client
from lathe.states import JobState
from stacks.s3 import S3


@pytest.fixture
def service(
    postgres_database_url: str, valkey_url: str, s3: S3, tmp_path: Path
) -> Iterator[Service]:
    environment = {
        "LATHE_DATABASE_URL": postgres_database_url,
        "LATHE_BROKER_URL": valkey_url,
        "LATHE_OBJECTS_URL": s3.url,
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
    }
    with embedded(tmp_path / "data", environment=environment) as running:
        yield running


def signature(path: Path) -> list[tuple[str, str, list[object]]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ends = [*session.get_inputs(), *session.get_outputs()]
    return [(end.name, end.type, end.shape) for end in ends]


def test_a_model_goes_up_and_a_smaller_one_with_its_proof_comes_down(
    service: Service, tmp_path: Path
) -> None:
    with Client(service.url, service.key) as lathe:
        model = lathe.upload_model(demo.MODEL)
        data = lathe.upload_dataset(demo.DATA, transforms={"image": demo.PIXELS})
        job = lathe.wait(lathe.submit(demo.spec(model.id, data.id)).id, timeout_s=240)
        assert job.state is JobState.SUCCEEDED, job.failure
        report = lathe.report(job.id)
        files = {a.kind: a for a in demo.best(lathe, job, report)}
        downloaded = lathe.download(files["onnx"], tmp_path / "out")
    size, accuracy, *_ = demo.table_lines(report, downloaded)
    assert size.kept, size
    assert accuracy.kept, accuracy
    assert report.verdict.constraints_met
    assert signature(downloaded) == signature(demo.MODEL)
    whole = downloaded.read_bytes()
    headers = {"Authorization": f"Bearer {service.key}", "Range": "bytes=1000-"}
    content = f"{service.url}/v1/artifacts/{files['onnx'].id}/content"
    rest = httpx.get(content, headers=headers)
    assert rest.status_code == httpx.codes.PARTIAL_CONTENT
    assert hashlib.sha256(whole[:1000] + rest.content).hexdigest() == files["onnx"].sha256
