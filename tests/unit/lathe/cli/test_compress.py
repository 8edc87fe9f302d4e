"""What `lathe compress` asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from lathe.cli.order import Wishes, job_spec
from lathe.cli.pipeline import Pipeline
from lathe.views import DatasetView
from tests.unit.lathe.cli.played import (
    DATA,
    JOB,
    MODEL,
    Played,
    dataset,
    found,
    job,
    model,
    page,
    problem,
    recipe,
    technique,
)

Run = Callable[..., Result]
INT8 = Pipeline("int8")
TEACH = [{"technique": "train.recover", "epochs": 1}]


def splits(*named: tuple[str, int]) -> DatasetView:
    return DatasetView.model_validate(dataset(*named))


def data(view: DatasetView, steps: Any = "int8", **wishes: Any) -> dict[str, str]:
    given = job_spec(MODEL, view, Pipeline(steps), Wishes(**wishes))["data"]
    return {purpose: split["split"] for purpose, split in given.items()}


def test_the_webhook_that_is_named_stands_in_the_spec() -> None:
    named = job_spec(MODEL, None, INT8, Wishes(webhook="whk_x"))
    assert named["webhook"] == "whk_x"
    assert "webhook" not in job_spec(MODEL, None, INT8, Wishes())


def test_splits_are_taken_by_their_names() -> None:
    both = splits(("train", 900), ("test", 70))
    assert data(both) == {"calibration": "train", "evaluation": "test"}
    three = splits(("training", 900), ("val", 70), ("calib", 30))
    assert data(three) == {"calibration": "calib", "evaluation": "val"}
    odd = splits(("b", 900), ("a", 70))
    assert data(odd) == {"calibration": "a", "evaluation": "b"}


def test_training_reads_the_train_split_only_where_steps_or_the_user_ask_for_it() -> None:
    both = splits(("train", 900), ("test", 70))
    assert "train" not in data(both, "deep-compression")
    assert data(both, "deep-compression", train=True)["train"] == "train"
    assert data(both, TEACH)["train"] == "train"
    assert "train" not in data(both, TEACH, train=False)
    assert "train" not in data(both, [{"technique": "quantize.static"}])


def test_no_more_examples_are_asked_for_than_there_are() -> None:
    spec = job_spec(MODEL, splits(("train", 40), ("test", 7)), INT8, Wishes(samples=512))
    assert spec["data"]["calibration"] == {"dataset": DATA, "split": "train", "samples": 40}


def test_limits_are_of_the_tasks_first_metric_or_the_one_that_is_named() -> None:
    both = splits(("train", 40), ("test", 7))
    wishes = Wishes(task="classification", max_drop=0.005, max_bytes=9000, max_latency_ms=2.5)
    spec = job_spec(MODEL, both, INT8, wishes)
    assert spec["task"] == {"kind": "classification"}
    assert spec["constraints"] == [
        {"metric": "accuracy", "max_drop": 0.005},
        {"metric": "size_bytes", "max": 9000},
        {"metric": "latency_ms", "max": 2.5},
    ]
    named = Wishes(task="classification", metric="f1_macro", max_drop=0.01)
    spec = job_spec(MODEL, both, INT8, named)
    assert spec["task"] == {"kind": "classification", "metrics": ["f1_macro"]}
    assert spec["constraints"] == [{"metric": "f1_macro", "max_drop": 0.01}]


def test_without_a_task_the_original_is_the_measure_and_without_data_nothing_is() -> None:
    spec = job_spec(MODEL, splits(("test", 7)), INT8, Wishes())
    assert spec["task"] == {"kind": "none"}
    bare = job_spec(MODEL, None, INT8, Wishes())
    assert "task" not in bare
    assert bare["data"] == {}


@pytest.fixture
def ready(service: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"abc")
    (tmp_path / "d.npz").write_bytes(b"def")
    techniques = [technique("quantize.static"), technique("prune.channels")]
    service.on("GET /v1/techniques", found(techniques))
    service.on("GET /v1/recipes", found([recipe("int8"), recipe("deep-compression")]))
    service.on("GET /v1/models", page()).on("POST /v1/models", found(model(), 201))
    shown = dataset(("train", 600), ("test", 70))
    service.on("GET /v1/datasets", page()).on("POST /v1/datasets", found(shown, 201))
    return service.on("POST /v1/jobs", found(job("queued"), 202))


def submitted(service: Played) -> dict[str, Any]:
    (request,) = service.sent("POST /v1/jobs")
    spec: dict[str, Any] = json.loads(request.content)
    return spec


def test_files_go_up_and_the_job_of_them_is_queued(ready: Played, run: Run) -> None:
    words = ("--task", "classification", "--max-drop", "0.005", "--no-wait", "--json")
    ended = run("compress", "net.onnx", "--data", "d.npz", *words)
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["id"] == JOB
    spec = submitted(ready)
    assert (spec["model"], spec["pipeline"]) == (MODEL, "int8")
    assert spec["data"]["calibration"]["samples"] == 512
    assert spec["data"]["evaluation"] == {"dataset": DATA, "split": "test"}


def test_what_was_uploaded_before_is_not_sent_again(ready: Played, run: Run) -> None:
    of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    other = model(sha256="11", id=MODEL.replace(MODEL[-1], "0"))
    ready.on("GET /v1/models", page(other, model(sha256=of_abc)))
    ended = run("compress", "net.onnx", "--no-wait")
    assert ended.exit_code == 0, ended.output
    assert not list(ready.sent("POST /v1/models"))
    assert submitted(ready)["model"] == MODEL


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("deep-compression", "deep-compression"),
        ("quantize.static", [{"technique": "quantize.static"}]),
        (
            "prune.channels, quantize.static",
            [{"technique": "prune.channels"}, {"technique": "quantize.static"}],
        ),
        ('{"recipe": "int8", "batch_size": 2}', {"recipe": "int8", "batch_size": 2}),
        ('{"technique": "quantize.static"}', [{"technique": "quantize.static"}]),
        ("steps.json", [{"technique": "prune.channels", "keep_macs": 0.5}]),
    ],
)
def test_a_pipeline_is_a_recipe_or_names_or_json(
    ready: Played, run: Run, written: str, means: object
) -> None:
    steps = '[{"technique": "prune.channels", "keep_macs": 0.5}]'
    Path("steps.json").write_text(steps)
    ended = run("compress", "net.onnx", "--no-wait", "-p", written)
    assert ended.exit_code == 0, ended.output
    assert submitted(ready)["pipeline"] == means


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("quantize.statik", "did you mean quantize.static?"),
        ("int-8", "did you mean int8?"),
        ('[{"technique": "prune.chanels"}]', "did you mean prune.channels?"),
        ("nothing-like-it", "there are deep-compression, int8, prune.channels"),
        ("[1]", "takes a list of steps"),
        ("[1", "--pipeline is not JSON"),
        ("none.json", "none.json: No such file"),
    ],
)
def test_a_pipeline_that_is_none_ends_before_anything_is_uploaded(
    ready: Played, run: Run, written: str, said: str
) -> None:
    ended = run("compress", "net.onnx", "-p", written)
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert not list(ready.sent("POST /v1/models"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.onnx",), "There is no file none.onnx"),
        (("net.onnx", "--data", "none.npz"), "There is no file none.npz"),
        (("net.onnx", "--max-drop", "0.1"), "give --data"),
        (
            ("net.onnx", "-d", "d.npz", "--task", "clasification"),
            "did you mean classification?",
        ),
        (("net.onnx", "-d", "d.npz", "--transforms", '{"x": {"scal": 2}}'), "x.scal"),
        (("net.onnx", "-d", "d.npz", "--layout", '{"lable": "y"}'), "lable"),
    ],
)
def test_a_wrong_option_is_a_sentence(
    ready: Played, run: Run, words: tuple[str, ...], said: str
) -> None:
    ended = run("compress", *words)
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert not list(ready.sent("POST /v1/jobs"))


def test_a_name_that_only_a_newer_service_knows_goes_to_it(ready: Played, run: Run) -> None:
    ready.on("GET /v1/techniques", found([technique("quantize.newer")]))
    assert run("compress", "net.onnx", "--no-wait", "-p", "quantize.newer").exit_code == 0
    assert submitted(ready)["pipeline"] == [{"technique": "quantize.newer"}]


def test_where_a_service_would_be_started_a_slip_is_found_before(
    ready: Played, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATHE_URL")
    monkeypatch.delenv("LATHE_KEY")
    for words in (("-p", "int-8"), ("--no-wait",), ("--max-drop", "1"), ("-d", "none.npz")):
        assert run("compress", "net.onnx", *words).exit_code == 2
    assert not ready.asked


def test_a_file_elsewhere_is_named_and_not_sent(ready: Played, run: Run) -> None:
    ended = run("compress", "https://models.test/a/net.onnx", "--no-wait")
    assert ended.exit_code == 0, ended.output
    (request,) = ready.sent("POST /v1/models")
    assert json.loads(request.content)["source"] == "https://models.test/a/net.onnx"
    assert "fetching https://models.test/a/net.onnx" in ended.stderr


def test_a_dry_run_shows_every_problem_and_queues_nothing(ready: Played, run: Run) -> None:
    problems = [{"param": "pipeline.0", "detail": "needs data.train"}]
    plan = {"valid": False, "spec": None, "problems": problems}
    ready.on("POST /v1/jobs:validate", found(plan))
    ended = run("compress", "net.onnx", "--dry-run")
    assert ended.exit_code == 4
    assert ended.stderr.endswith("pipeline.0: needs data.train\n")
    assert not list(ready.sent("POST /v1/jobs"))


def test_ctrl_c_during_the_upload_ends_without_a_job(ready: Played, run: Run) -> None:
    ready.on("POST /v1/models", KeyboardInterrupt())
    ended = run("compress", "net.onnx")
    assert ended.exit_code == 130
    assert "the same command goes on with the upload" in ended.stderr
    assert not list(ready.sent("POST /v1/jobs"))


def test_a_rejected_model_is_4_with_what_inspection_said(ready: Played, run: Run) -> None:
    failure = {"code": "not_a_model", "class": "unsupported_model", "retryable": False}
    shown = model(state="rejected", failure=failure | {"detail": "this is a JPEG"})
    ready.on("POST /v1/models", found(shown, 201))
    ended = run("compress", "net.onnx")
    assert (ended.exit_code, "this is a JPEG" in ended.stderr) == (4, True)


def test_a_service_without_room_is_3(ready: Played, run: Run) -> None:
    full = problem(507, "out_of_disk", "the service's disk is full")
    ready.on("POST /v1/models", full)
    ended = run("compress", "net.onnx")
    assert (ended.exit_code, "disk is full" in ended.stderr) == (3, True)
