"""Everything a hostile or clumsy newcomer sends to one real service, and what it answers.

Each is a 4xx problem, or an upload `rejected` or a job `failed` with a named code; nothing
half-written stays behind, and the last test shows that the next request works.
"""

import gzip
import io
import socket
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from examples.service import embedded
from tests.services.worker.nets import examples, perceptron

MIB = 1 << 20
JSON = {"content_type": "application/json"}
DYNAMIC = {"technique": "quantize.dynamic"}
WEIGHT = np.random.default_rng(7).standard_normal((16, 4), dtype=np.float32)


@dataclass(frozen=True)
class Stand:
    """The running service, its data folder, and a few good things in it."""

    http: httpx.Client
    url: str
    key: str
    data: Path

    def uploaded(self, kind: str, content: bytes, **query: str) -> dict[str, Any]:
        answer = self.http.post(f"/v1/{kind}", params={"wait": 30, **query}, content=content)
        assert answer.status_code == 201, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def ready(self, kind: str, content: bytes) -> str:
        view = self.uploaded(kind, content)
        assert view["state"] == "ready", view["failure"]
        upload_id: str = view["id"]
        return upload_id

    def finished(self, spec: dict[str, Any]) -> dict[str, Any]:
        job = self.http.post("/v1/jobs", json=spec)
        assert job.status_code == 202, job.text
        return self.settled(job.json()["id"])

    def settled(self, job_id: str) -> dict[str, Any]:
        """The job, once it is finished."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}?wait=30").json()
            if job["state"] not in {"queued", "running"}:
                return job
        raise AssertionError(f"{job_id} is still {job['state']}")

    def objects(self) -> set[Path]:
        return {path for path in (self.data / "objects").rglob("*") if path.is_file()}

    def written(self) -> tuple[object, ...]:
        """All that a request may leave behind: rows that lists show, and objects."""
        lists = [
            self.http.get(f"/v1/{name}?limit=3").json()
            for name in ("models", "datasets", "jobs")
        ]
        newest = [[item["id"] for item in page["items"]] for page in lists]
        return newest, self.objects()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    data = tmp_path_factory.mktemp("bad-input") / "data"
    with embedded(data) as service:
        headers = {"Authorization": f"Bearer {service.key}"}
        with httpx.Client(
            base_url=service.url, headers=headers, timeout=90, trust_env=False
        ) as http:
            yield Stand(http, service.url, service.key, data)


@pytest.fixture(scope="module")
def model(stand: Stand) -> str:
    return stand.ready("models", perceptron(3))


@pytest.fixture(scope="module")
def dataset(stand: Stand) -> str:
    return stand.ready("datasets", examples(64))


@pytest.fixture(scope="module")
def graph_only(stand: Stand) -> str:
    return stand.ready("models", net("Hardmax"))


# --- what is sent ---------------------------------------------------------------------------


def net(operator: str = "Relu", *, weight: np.ndarray | None = None, **node: Any) -> bytes:
    """y = operator(x w), the second node as `node` has it."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
            helper.make_node(operator, ["h"], ["y"], **{"name": "last", **node}),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(WEIGHT if weight is None else weight, "w")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.ops", 1)]
    data: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=10
    ).SerializeToString()
    return data


def beside(location: str) -> bytes:
    """The net with its weight said to lie in another file."""
    model = onnx.ModelProto.FromString(net())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    data: bytes = model.SerializeToString()
    return data


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(link: bytes, target: str) -> bytes:
    """A model, and its weight's file as a link of this type."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        content = beside("w.bin")
        member = tarfile.TarInfo("m.onnx")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
        member = tarfile.TarInfo("w.bin")
        member.type, member.linkname = link, target
        archive.addfile(member)
    return packed.getvalue()


def npz(*, without: str = "", **arrays: np.ndarray) -> bytes:
    """A split `t`; its arrays x and label are good ones where none are given."""
    good = {"x": np.ones((20, 16), np.float32), "label": np.arange(20) % 4}
    split = {name: array for name, array in (good | arrays).items() if name != without}
    packed = io.BytesIO()
    np.savez(packed, **{f"t/{name}": array for name, array in split.items()})
    return packed.getvalue()


# --- uploads that inspection rejects --------------------------------------------------------

MODELS: dict[str, tuple[bytes, str, str]] = {  # content, code, what the detail says
    "text": (b"I am a model", "not_a_model", "upload the binary .onnx file"),
    "noise": (bytes(range(200, 256)) * 9, "not_a_model", "upload an .onnx file"),
    "a data set": (examples(5), "not_a_model", "upload it as a data set"),
    "truncated": (perceptron(3)[:-300], "corrupt_model", "upload it again"),
    "an unknown operator": (net("Frobnicate"), "unsupported_operator", "'Frobnicate'"),
    "an unknown domain": (net("Foo", domain="my.ops"), "unsupported_operator", "'my.ops'"),
    "NaN": (net(weight=WEIGHT * np.nan), "non_finite_weights", "'w' holds 64 NaN"),
    "NUL in a node's name": (net(name="a\0b"), "corrupt_model", "NUL character"),
    "external data alone": (beside("w.bin"), "unsafe_external_data", "upload a zip"),
    "external data above": (
        zipped(**{"m.onnx": beside("../../w.bin")}), "unsafe_external_data", "'../../w.bin'"
    ),
    "external data at the root": (
        zipped(**{"m.onnx": beside("/etc/passwd")}), "unsafe_external_data", "'/etc/passwd'"
    ),
    "a symbolic link": (tarred(tarfile.SYMTYPE, "/etc/passwd"), "unsafe_archive", "a link"),
    "a hard link": (tarred(tarfile.LNKTYPE, "m.onnx"), "unsafe_archive", "a link"),
    "a member above": (
        zipped(**{"m.onnx": net(), "../evil": b"x"}), "unsafe_archive", "'../evil'"
    ),
    "a bomb": (zipped(**{"m.onnx": bytes(30 * MIB)}), "unsafe_archive", "200 times"),
    "a bomb of gzip": (
        gzip.compress(tarred(tarfile.SYMTYPE, "x") + bytes(30 * MIB)),
        "unsafe_archive",
        "pack only the .onnx file",
    ),
    "half an archive": (zipped(**{"m.onnx": net()})[:-60], "corrupt_model", "upload it again"),
}  # fmt: skip
DATASETS: dict[str, tuple[bytes, str]] = {
    "text": (b"a,b\n1,2\n", "numpy.savez_compressed"),
    "Python objects": (npz(x=np.array([{}] * 20, dtype=object)), "store numbers"),
    "strings": (npz(x=np.array(["a"] * 20)), "store numbers"),
    "counts that differ": (npz(label=np.arange(19)), "one row an example"),
    "no examples": (npz(x=np.ones((0, 16), np.float32)), "none may be empty"),
    "NaN": (npz(x=np.full((20, 16), np.nan, np.float32)), "remove or replace"),
    "truncated": (examples(64)[:-200], "upload it again"),
    "a bomb": (zipped(**{"t/x.npy": bytes(30 * MIB)}), "200 times"),
}


@pytest.mark.parametrize("what", MODELS)
def test_a_bad_model_is_rejected_with_what_to_do(stand: Stand, what: str) -> None:
    content, code, told = MODELS[what]
    before = stand.objects()
    view = stand.uploaded("models", content)
    assert (view["state"], view["failure"]["code"]) == ("rejected", code), view
    assert view["failure"]["class"] == "unsupported_model"
    assert told in view["failure"]["detail"]
    refused = stand.http.get(f"/v1/models/{view['id']}/content")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert len(stand.objects() - before) <= 1  # the upload at most, and nothing made of it
    used = stand.http.post("/v1/jobs", json={"model": view["id"], "pipeline": [DYNAMIC]})
    assert (used.status_code, used.json()["param"]) == (422, "model")


@pytest.mark.parametrize("what", DATASETS)
def test_a_bad_data_set_is_rejected_with_what_to_do(stand: Stand, what: str) -> None:
    content, told = DATASETS[what]
    before = stand.objects()
    view = stand.uploaded("datasets", content)
    assert (view["state"], view["failure"]["code"]) == ("rejected", "not_a_dataset"), view
    assert told in view["failure"]["detail"]
    assert len(stand.objects() - before) <= 1


# --- requests that are refused at the door ----------------------------------------------------


def post(path: str, content: bytes = b"", **headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"method": "POST", "url": path, "content": content, "headers": sent}


def get(path: str) -> dict[str, Any]:
    return {"method": "GET", "url": path}


REQUESTS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "an empty body": (post("/v1/models"), 400, "malformed", "is empty"),
    "a form": (
        post("/v1/models", b"--x", content_type="multipart/form-data; boundary=x"),
        400, "malformed", "--data-binary",
    ),
    "a digest that does not fit": (
        post("/v1/models", net(), x_content_sha256="0" * 64), 400, "malformed", "again"
    ),
    "a wrong key": (
        post("/v1/models", net(), authorization="Bearer lt_a_b"), 401, "unauthenticated", "key"
    ),
    "junk JSON": (post("/v1/jobs", b"{oops", **JSON), 400, "malformed", "not JSON"),
    "no text": (post("/v1/jobs", b"\xff\xfe\xfd", **JSON), 400, "malformed", "UTF-8"),
    "deep JSON": (post("/v1/jobs", b"[" * 99_999, **JSON), 400, "malformed", "nested"),
    "no object": (post("/v1/jobs", b"[]", **JSON), 422, "invalid_spec", "JSON object"),
    "no content type": (post("/v1/jobs", b"{}"), 400, "malformed", "application/json"),
    "a spec over the limit": (
        post("/v1/jobs", b'{"name": "%s"}' % (b"a" * MIB), **JSON), 413, "too_large", "1048576"
    ),
    "a transform's unknown field": (
        post('/v1/datasets?transforms={"x":{"scal":1}}', examples(9)),
        422, "invalid_request", "no such field",
    ),
    "a transform that is no number": (
        post('/v1/datasets?transforms={"x":{"scale":NaN}}', examples(9)),
        422, "invalid_request", "finite",
    ),
    "NUL in a name": (post("/v1/models?name=a%00b", net()), 400, "malformed", "NUL"),
    "NUL in a filter": (get("/v1/jobs?label=a%00:b"), 400, "malformed", "NUL"),
    "a quote in a filter": (get("/v1/jobs?label=a%22b:c"), 400, "malformed", "name:value"),
    "a made-up cursor": (get("/v1/models?cursor=x"), 400, "malformed", "start again"),
    "a made-up id": (get("/v1/models/mdl_x"), 404, "not_found", "no such model"),
    "a made-up place": (get("/v2/models"), 404, "not_found", "/v2/models"),
}  # fmt: skip


def problem(answer: httpx.Response, status: int, code: str, told: str) -> dict[str, Any]:
    """The answer as a problem, after checking that it is this one."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert told in body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize("what", REQUESTS)
def test_a_bad_request_is_a_problem_and_leaves_nothing(stand: Stand, what: str) -> None:
    request, status, code, told = REQUESTS[what]
    before = stand.written()
    problem(stand.http.request(**request), status, code, told)
    assert stand.written() == before


def spoken(stand: Stand, sent: bytes, *, listen: bool) -> bytes:
    """What the service answers on a bare connection, which is closed without waiting else."""
    host, _, port = stand.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(sent)
        return line.recv(1 << 16) if listen else b""


def head(stand: Stand, length: int, request_id: str) -> bytes:
    lines = (
        "POST /v1/models HTTP/1.1",
        "Host: lathe",
        f"Authorization: Bearer {stand.key}",
        f"Content-Length: {length}",
        f"X-Request-ID: {request_id}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_length_over_the_limit_is_refused_before_a_byte_is_read(stand: Stand) -> None:
    before = stand.written()
    answer = spoken(stand, head(stand, (8 << 30) + 1, "long"), listen=True)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert stand.written() == before


def test_a_cut_connection_leaves_nothing(stand: Stand) -> None:
    before = stand.written()
    spoken(stand, head(stand, 9 * MIB, "cut-short") + bytes(5 * MIB), listen=False)
    log, deadline = stand.data / "logs" / "api.log", time.monotonic() + 20
    while "cut-short" not in log.read_text():
        assert time.monotonic() < deadline, "the service did not notice"
        time.sleep(0.05)
    assert stand.written() == before


def test_what_belongs_to_another_project_reads_as_missing(stand: Stand, model: str) -> None:
    made = stand.http.post("/v1/projects", json={"name": "rival"}).json()
    theirs = {"Authorization": f"Bearer {made['key']['key']}"}
    before = stand.written()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        answer = stand.http.request(method, f"/v1/models/{model}{path}", headers=theirs)
        problem(answer, 404, "not_found", "no such model")
    spec = {"model": model, "pipeline": [DYNAMIC]}
    answer = stand.http.post("/v1/jobs", json=spec, headers=theirs)
    problem(answer, 404, "not_found", "upload it first")
    assert stand.written() == before


# --- specs that do not fit -----------------------------------------------------------------

MISFITS: dict[str, tuple[bytes, str]] = {  # a data set, what the detail says
    "names": (npz(without="x", image=np.ones((20, 16))), "it has 'image', 'label'"),
    "dtypes": (npz(x=np.ones((20, 16), bool)), "t/x is bool, the model's input is float32"),
    "shapes": (npz(x=np.ones((20, 15), np.float32)), "15; the model's input 'x' takes 16"),
    "labels above": (npz(label=np.arange(20) % 4 + 1), "class number 4"),
    "labels below": (npz(label=np.arange(20) % 4 - 1), "start at 0"),
    "labels that are floats": (npz(label=np.ones(20)), "stored as integers"),
}
SPECS: dict[str, tuple[dict[str, Any], str, str, str]] = {  # changes, code, param, detail
    "technique": (
        {"pipeline": [{"technique": "quantize.statik"}]},
        "invalid_spec", "pipeline.0.technique", "'quantize.static'",
    ),
    "field of a step": (
        {"pipeline": [DYNAMIC | {"bitz": 3}]}, "invalid_spec", "pipeline.0.bitz", "spelling"
    ),
    "field": ({"modell": "x"}, "invalid_spec", "modell", "spelling"),
    "layer": (
        {"pipeline": [DYNAMIC | {"exclude": ["fc1.wight"]}]},
        "unknown_layer", "pipeline.0.exclude.0", "did you mean 'fc1.weight'",
    ),
    "budget": (
        {"pipeline": [{"technique": "prune.channels", "keep_macs": -1}]},
        "invalid_spec", "pipeline.0.keep_macs", "greater than 0",
    ),
    "name": ({"name": "a\0b"}, "invalid_spec", "name", "NUL"),
    "metric": (
        {"constraints": [{"metric": "accuracy", "max_drop": 0.1}]},
        "invalid_spec", "constraints.0.metric", "it measures size_bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPECS)
def test_a_bad_spec_names_the_field_and_queues_nothing(
    stand: Stand, model: str, what: str
) -> None:
    changes, code, param, told = SPECS[what]
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json={"model": model, "pipeline": [DYNAMIC]} | changes)
    assert problem(answer, 422, code, told)["param"] == param
    assert stand.written() == before


def judged(model: str, dataset: str, split: str) -> dict[str, Any]:
    return {
        "model": model,
        "data": {"evaluation": {"dataset": dataset, "split": split}},
        "task": {"kind": "classification"},
        "pipeline": [DYNAMIC],
        "benchmark": None,
    }


@pytest.mark.parametrize("what", MISFITS)
def test_data_that_do_not_fit_are_refused_at_submit(
    stand: Stand, model: str, what: str
) -> None:
    content, told = MISFITS[what]
    dataset = stand.ready("datasets", content)
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json=judged(model, dataset, "t"))
    assert problem(answer, 422, "data_mismatch", told)["param"] == "data.evaluation"
    assert stand.written() == before


@pytest.mark.parametrize(
    ("change", "param", "told"),
    [({"split": "tran"}, "split", "'train'"), ({"samples": 65}, "samples", "64 examples")],
)
def test_a_split_that_is_not_there_is_refused(
    stand: Stand, model: str, dataset: str, change: dict[str, Any], param: str, told: str
) -> None:
    spec = judged(model, dataset, "train")
    spec["data"]["evaluation"] |= change
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json=spec)
    assert problem(answer, 422, "data_mismatch", told)["param"] == f"data.evaluation.{param}"
    assert stand.written() == before


def test_an_operator_without_a_trainable_form_stands_in_the_way_of_pruning_alone(
    stand: Stand, graph_only: str
) -> None:
    view = stand.http.get(f"/v1/models/{graph_only}").json()
    assert view["capabilities"]["blocking_operators"] == ["Hardmax"]
    pruned = {
        "model": graph_only,
        "pipeline": [{"technique": "prune.channels", "keep_macs": 0.5}],
    }
    problem(stand.http.post("/v1/jobs", json=pruned), 422, "step_impossible", "'Hardmax'")
    lowered = {"model": graph_only, "pipeline": [DYNAMIC], "benchmark": None}
    assert stand.finished(lowered)["state"] == "succeeded"


def test_a_budget_that_no_change_reaches_fails_by_name(stand: Stand, model: str) -> None:
    step = {"technique": "prune.channels", "keep_parameters": 0.001}
    job = stand.finished({"model": model, "pipeline": [step], "benchmark": None})
    assert (job["state"], job["failure"]["code"]) == ("failed", "budget_unreachable")
    assert "raise the budget" in job["failure"]["detail"]
    assert stand.http.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"] == []


# --- and after all of it ----------------------------------------------------------------------


def test_the_next_good_request_works(stand: Stand, model: str, dataset: str) -> None:
    job = stand.finished(judged(model, dataset, "train"))
    assert job["state"] == "succeeded", job["failure"]
    kinds = {
        a["kind"] for a in stand.http.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"]
    }
    assert kinds == {"onnx", "report.json", "report.html"}
    assert list((stand.data / "work").iterdir()) == []  # no job left its folder behind
