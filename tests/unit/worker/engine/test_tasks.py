from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import OutOfMemory, RunTimeout
from lathe.job import JobSpec
from lathe.techniques import AnyStep
from worker.engine import tasks
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.measure.locks import TimingLock
from worker.engine.outcome import Outcome
from worker.engine.run import steps
from worker.engine.tasks import perform
from worker.wire import (
    Compress,
    Compressed,
    Ending,
    InspectDataset,
    InspectModel,
    Message,
    ModelInspected,
    Refusal,
    Said,
    StagedModel,
    StagedStep,
    StepFinished,
    StepStarted,
)

MASK = {"id": "mask", "technique": "prune.weights", "sparsity": 0.5}
TIDY = {"id": "tidy", "technique": "optimize.graph"}
FAILS = {
    "id": "slim",
    "technique": "prune.channels",
    "keep_macs": 0.5,
    "protect": ["nowhere"],
}
Heard = list[Message]


def test_an_upload_that_cannot_be_used_comes_back_as_a_named_refusal(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"neither a model nor data")
    heard: list[Message] = []
    lock = TimingLock()
    model = perform(InspectModel(upload="upload"), tmp_path, tmp_path, heard.append, lock)
    data = perform(InspectDataset(upload="upload"), tmp_path, tmp_path, heard.append, lock)
    assert isinstance(model, Refusal)
    assert isinstance(data, Refusal)
    assert (model.failure.code, model.failure.step) == ("not_a_model", None)
    assert (data.failure.code, data.failure.step) == ("not_a_dataset", None)
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]


def dense(folder: Path) -> None:
    """`upload`: x (n, 3) -> Gemm with weights 1 to 12 -> y (n, 4)."""
    weight = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / "upload")


def staged(folder: Path, heard: Heard) -> StagedModel:
    """The net, inspected."""
    dense(folder)
    inspected = perform(
        InspectModel(upload="upload"), folder, folder, heard.append, TimingLock()
    )
    assert isinstance(inspected, ModelInspected)
    return StagedModel(canonical=inspected.canonical, facts=inspected.facts)


def compressed(folder: Path, heard: Heard, pipeline: list[dict[str, Any]]) -> Ending:
    """What becomes of a job of these steps, without data, task or benchmark."""
    model = staged(folder, heard)
    body = {"model": "mdl_" + "0" * 26, "pipeline": pipeline, "benchmark": None}
    task = Compress(spec=JobSpec.model_validate(body), model=model, baseline=model)
    return perform(task, folder, folder, heard.append, TimingLock())


def test_a_job_whose_second_step_fails_hands_over_what_the_first_one_made(
    tmp_path: Path,
) -> None:
    ending = compressed(tmp_path, [], [MASK, FAILS, {**MASK, "id": "never", "sparsity": 0.9}])
    assert isinstance(ending, Compressed)
    report = ending.report
    assert report.failure is not None
    assert (report.failure.code, report.failure.step) == ("unknown_layer", 1)
    assert [candidate.id for candidate in report.candidates] == ["mask"]
    assert [step.id for step in report.steps] == ["mask"]
    assert report.verdict.sentence.endswith(
        "This is the state after 'mask': the step 'slim' failed (unknown_layer)."
    )
    (file,) = [file for file in ending.files if file.kind == "onnx"]
    (weight,) = onnx.load(tmp_path / file.file).graph.initializer
    np.testing.assert_array_equal(
        numpy_helper.to_array(weight), [[0, 0, 0, 0], [0, 0, 7, 8], [9, 10, 11, 12]]
    )


def test_a_job_that_was_cut_short_is_measured_as_far_as_it_got(tmp_path: Path) -> None:
    heard: Heard = []
    ending = compressed(tmp_path, heard, [MASK, FAILS])
    assert isinstance(ending, Compressed)
    (finished,) = [message for message in heard if isinstance(message, StepFinished)]
    for old in ("canonical.onnx", *(file.file for file in ending.files)):
        (tmp_path / old).unlink()
    model = staged(tmp_path, heard)
    late = RunTimeout("too late").failure().model_copy(update={"step": 1})
    body = {"model": "mdl_" + "0" * 26, "pipeline": [MASK, FAILS], "benchmark": None}
    task = Compress(
        spec=JobSpec.model_validate(body),
        model=model,
        baseline=model,
        reused=(StagedStep(report=finished.report, checkpoint=finished.checkpoint),),
        cut_short=late,
    )
    heard.clear()
    ending = perform(task, tmp_path, tmp_path, heard.append, TimingLock())
    assert isinstance(ending, Compressed)
    assert ending.report.failure == late
    assert [candidate.id for candidate in ending.report.candidates] == ["mask"]
    assert not [message for message in heard if isinstance(message, StepStarted)]


def test_a_step_that_runs_out_of_memory_fails_by_name_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = steps.apply

    def apply(checkpoint: Checkpoint, step: AnyStep, context: Context) -> Outcome:
        if step.technique == TIDY["technique"]:
            raise MemoryError
        return real(checkpoint, step, context)

    monkeypatch.setattr(steps, "apply", apply)
    ending = compressed(tmp_path, [], [MASK, TIDY])
    assert isinstance(ending, Compressed)
    failure = ending.report.failure
    assert failure is not None
    assert (failure.code, failure.step) == ("out_of_memory", 1)
    assert [candidate.id for candidate in ending.report.candidates] == ["mask"]


@pytest.mark.parametrize(("pipeline", "place"), [([FAILS], 0), ([TIDY, FAILS], 1)])
def test_a_job_that_fails_before_anything_changed_hands_nothing_over(
    pipeline: list[dict[str, Any]], place: int, tmp_path: Path
) -> None:
    ending = compressed(tmp_path, [], pipeline)
    assert isinstance(ending, Refusal)
    assert (ending.failure.code, ending.failure.step) == ("unknown_layer", place)


def test_the_steps_failure_stays_the_answer_where_the_best_so_far_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        raise OutOfMemory("too large to measure")

    monkeypatch.setattr(tasks, "measure", measure)
    heard: Heard = []
    ending = compressed(tmp_path, heard, [MASK, FAILS])
    assert isinstance(ending, Refusal)
    assert (ending.failure.code, ending.failure.step) == ("unknown_layer", 1)
    (said,) = [message for message in heard if isinstance(message, Said)]
    assert "too large to measure" in said.text
