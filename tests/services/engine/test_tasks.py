"""One real job in this process: a small convnet, made-up images, the engine's door."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper

from lathe.facts import Transform
from lathe.ids import new
from lathe.job import JobSpec
from lathe.report import Report
from tests.services.engine.bench import Bench
from tests.services.engine.striped import CLASSES, SIDE, balanced, convnet, images, logits
from worker.wire import (
    Compress,
    Compressed,
    Entered,
    Progressed,
    Refusal,
    StagedDataset,
    StagedModel,
    StagedStep,
    StepFinished,
    StepStarted,
)

PIXELS = {"image": Transform(scale=1 / 255)}


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `net.onnx` and `data.npz`; labels are the net's own answers."""
    folder = tmp_path_factory.mktemp("upload")
    rng = np.random.default_rng(11)
    model = balanced(convnet(rng), images(rng, 50))
    onnx.save(model, folder / "net.onnx")
    arrays: dict[str, NDArray[np.generic]] = {}
    for split, count in (("train", 300), ("test", 120)):
        pixels = images(rng, count)
        arrays[f"{split}/image"] = pixels
        arrays[f"{split}/label"] = logits(model, pixels).argmax(axis=1)
        arrays[f"{split}/group"] = np.arange(count) % 2
    np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type]
    return folder


def job(**more: object) -> JobSpec:
    dataset = new("dat")
    return JobSpec.model_validate(
        {
            "name": "tiny net",
            "model": new("mdl"),
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "calibration": {"dataset": dataset, "split": "train", "samples": 64},
                "evaluation": {"dataset": dataset, "split": "test"},
            },
            "task": {"kind": "classification"},
            "pipeline": [
                {"id": "slim", "technique": "prune.channels", "keep_macs": 0.5},
                {"id": "learn", "technique": "train.recover", "epochs": 2},
                {"id": "int8", "technique": "quantize.static"},
            ],
            "benchmark": {"batch_sizes": [1], "runs": 20, "every_step": True},
            "constraints": [{"metric": "size_bytes", "max": 100_000}],
            "seed": 5,
            **more,
        }
    )


def compress(
    spec: JobSpec, model: StagedModel, data: StagedDataset, **more: object
) -> Compress:
    assert spec.data.train is not None
    return Compress.model_validate(
        {
            "spec": spec,
            "model": model,
            "baseline": model,
            "datasets": {spec.data.train.dataset: data},
            **more,
        }
    )


def test_a_job_ends_with_files_that_are_what_their_report_says(
    staged: Path, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    model, data = bench.inspected(staged, PIXELS)
    spec = job(outputs=[{"kind": "onnx"}, {"kind": "tensorboard"}])
    ending = bench.perform(compress(spec, model, data))
    assert isinstance(ending, Compressed), ending

    report = ending.report
    assert [c.id for c in report.candidates] == ["slim", "learn", "int8"]
    assert report.verdict.best == "int8"
    assert report.verdict.constraints_met is True
    assert report.verdict.realised in ("smaller", "smaller_and_faster")

    best = bench.out / "tiny-net-int8.onnx"
    sizes = {m.metric: m.value for m in report.candidates[-1].measurements}
    assert sizes["size_bytes"] == best.stat().st_size
    session = ort.InferenceSession(best, providers=["CPUExecutionProvider"])
    (door,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (door.name, door.type, door.shape) == ("image", "tensor(float)", [1, 1, SIDE, SIDE])
    assert (answer.name, answer.type, answer.shape) == ("logits", "tensor(float)", [1, CLASSES])

    kinds = [(file.kind, file.candidate) for file in ending.files]
    assert kinds == [
        ("onnx", "slim"),
        ("onnx", "learn"),
        ("onnx", "int8"),
        ("report.json", None),
        ("report.html", None),
        ("tensorboard", None),
    ]
    assert all((bench.out / file.file).is_file() for file in ending.files)
    assert Report.model_validate_json((bench.out / "report.json").read_bytes()) == report
    assert report.verdict.sentence[:20].split()[0] in (
        (bench.out / "report.html").read_text().replace("\N{MULTIPLICATION SIGN}", "x")
    )


def test_the_report_covers_steps_layers_classes_groups_and_noise(
    staged: Path, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    model, data = bench.inspected(staged, PIXELS)
    ending = bench.perform(compress(job(), model, data))
    assert isinstance(ending, Compressed), ending
    report = ending.report
    accuracy = {m.metric: m.value for m in report.baseline.measurements}["accuracy"]
    assert accuracy == 1.0  # the labels are the baseline's own answers
    assert [step.id for step in report.steps] == ["slim", "learn", "int8"]
    assert [row[0] for row in report.steps[1].curve] == [0, 1, 2]
    layers = {layer.layer: layer for layer in report.layers}
    assert set(layers) == {"conv1.weight", "conv2.weight", "fc.weight"}
    assert {layer.dtype for layer in layers.values()} == {"int8"}
    assert layers["conv1.weight"].shape_after[0] < 16
    assert len(report.classes) > 1
    assert sum(one.examples for one in report.classes) == 120
    assert [(one.name, one.examples) for one in report.groups] == [("0", 60), ("1", 60)]
    assert [point.sigma for point in report.noise] == [0.0, 0.05, 0.1, 0.2]
    assert report.noise_check is not None
    assert (report.noise_check.examples, report.noise_check.of) == (120, 120)
    sizes = [step.facts["size_bytes"] for step in report.steps]
    measured = [c.measurements[0].value for c in report.candidates]
    assert sizes == pytest.approx(measured, rel=0.05)  # the files' doors differ, no more
    moved = report.confusions
    assert moved is not None
    assert sum(map(sum, moved.candidate)) == sum(map(sum, moved.baseline)) == 120
    right = sum(moved.candidate[place][place] for place in range(CLASSES))
    accuracy = {m.metric: m.value for m in report.candidates[-1].measurements}["accuracy"]
    assert right == round(120 * accuracy)
    assert sum((one.lost or 0) - (one.gained or 0) for one in report.groups) == 120 - right

    told = [type(message) for message in bench.heard if not isinstance(message, Progressed)]
    assert told == [*[StepStarted, StepFinished] * 3, Entered, Entered]
    steps = {m.progress.step for m in bench.heard if isinstance(m, Progressed)}
    assert {"slim", "learn", "int8", None} >= steps > {None}


def test_a_resumed_job_gives_the_same_file_and_marks_what_was_reused(
    staged: Path, tmp_path: Path
) -> None:
    first = Bench(tmp_path)
    model, data = first.inspected(staged, PIXELS)
    spec = job(benchmark=None)
    whole = first.perform(compress(spec, model, data))
    assert isinstance(whole, Compressed), whole
    finished = [m for m in first.heard if isinstance(m, StepFinished)]
    (first.out / finished[1].checkpoint).rename(first.inside / "step-2.checkpoint")
    wanted = (first.out / "tiny-net-int8.onnx").read_bytes()
    for file in first.out.iterdir():  # every attempt gets a fresh folder
        file.unlink()

    reused = [
        StagedStep(
            report=each.report.model_copy(update={"reused": True}),
            checkpoint="step-2.checkpoint" if place == 1 else None,
        )
        for place, each in enumerate(finished[:2])
    ]
    first.heard.clear()
    again = first.perform(compress(spec, model, data, reused=reused))
    assert isinstance(again, Compressed), again
    assert [m.step for m in first.heard if isinstance(m, StepStarted)] == ["int8"]
    assert [step.reused for step in again.report.steps] == [True, True, False]
    assert (first.out / "tiny-net-int8.onnx").read_bytes() == wanted
    assert again.report.verdict.realised == "smaller"  # and nothing is said about speed


def test_a_refused_step_is_named(staged: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    model, data = bench.inspected(staged, PIXELS)
    steps = [
        {"id": "tidy", "technique": "optimize.graph"},
        {"id": "slim", "technique": "prune.channels", "keep_macs": 0.5, "protect": ["nowhere"]},
    ]
    ending = bench.perform(compress(job(pipeline=steps), model, data))
    assert isinstance(ending, Refusal)
    assert (ending.failure.step, ending.failure.code) == (1, "unknown_layer")


def test_an_opset_that_cannot_be_reached_is_refused_before_any_step(
    staged: Path, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    model, data = bench.inspected(staged, PIXELS)
    canonical = bench.inside / model.canonical
    unusual = onnx.load(canonical)
    unusual.graph.node[1].domain = "com.microsoft"
    unusual.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(unusual, canonical)
    bench.heard.clear()
    spec = job(outputs=[{"kind": "onnx"}, {"kind": "onnx", "opset": 17}])
    ending = bench.perform(compress(spec, model, data))
    assert isinstance(ending, Refusal)
    assert (ending.failure.code, ending.failure.param) == ("step_impossible", "outputs.opset")
    assert bench.heard == []
