"""One real job in this process: a small convnet, made-up images, the engine's door."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.ids import new
from lathe.job import JobSpec
from lathe.report import Report
from worker.engine.measure.locks import TimingLock
from worker.engine.tasks import perform
from worker.wire import (
    Compress,
    Compressed,
    DatasetInspected,
    Entered,
    InspectDataset,
    InspectModel,
    Message,
    ModelInspected,
    Progressed,
    Refusal,
    StagedDataset,
    StagedModel,
    StagedStep,
    StepFinished,
    StepStarted,
)

CLASSES, SIDE = 3, 12
Floats = NDArray[np.float32]


class Bench:
    """Folders, an ear and a lock, as a child has them."""

    def __init__(self, folder: Path) -> None:
        self.inside, self.out = folder / "in", folder / "out"
        self.inside.mkdir()
        self.out.mkdir()
        self.heard: list[Message] = []
        self.lock = TimingLock(os.open(folder / "lock", os.O_RDWR | os.O_CREAT))

    def perform(self, task: InspectModel | InspectDataset | Compress) -> object:
        return perform(task, self.inside, self.out, self.heard.append, self.lock)


def convnet(rng: np.random.Generator) -> onnx.ModelProto:
    def weight(name: str, *shape: int) -> onnx.TensorProto:
        fan_in = int(np.prod(shape[1:])) or 1
        values = rng.standard_normal(shape) * (2 / fan_in) ** 0.5
        return numpy_helper.from_array(values.astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], pads=[1] * 4),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        [
            weight("conv1.weight", 16, 1, 3, 3),
            weight("conv1.bias", 16),
            weight("conv2.weight", 48, 16, 3, 3),
            weight("conv2.bias", 48),
            weight("fc.weight", CLASSES, 48),
            weight("fc.bias", CLASSES),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def images(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Stripes that lie or stand, of random strength, with noise on top."""
    stripes = (np.arange(SIDE) % 4 < 2).astype(np.float64)
    lying = np.broadcast_to(stripes[:, None], (SIDE, SIDE))
    pictures = np.where(rng.random((count, 1, 1)) < 0.5, lying, lying.T)
    strength = rng.uniform(0.1, 0.8, (count, 1, 1))
    values = pictures * strength + 0.2 * rng.random((count, SIDE, SIDE))
    return (values[:, None] * 255).astype(np.uint8)


def logits(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> Floats:
    session = ort.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rows = [
        session.run(None, {"image": row[None].astype(np.float32) / 255})[0] for row in pixels
    ]
    return np.asarray(np.concatenate(rows), dtype=np.float32)


def balanced(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> onnx.ModelProto:
    """The last bias set so that no class wins everywhere."""
    middle = np.median(logits(model, pixels), axis=0)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "fc.bias")
    level = numpy_helper.to_array(bias) - middle
    bias.CopyFrom(numpy_helper.from_array(level.astype(np.float32), "fc.bias"))
    return model


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `net.onnx`, inspected model and data; labels are the net's own answers."""
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


def inspected(staged: Path, bench: Bench) -> tuple[StagedModel, StagedDataset]:
    """Both uploads through inspection, then placed in the job's own folder."""
    for name in ("net.onnx", "data.npz"):
        (bench.inside / name).write_bytes((staged / name).read_bytes())
    model = bench.perform(InspectModel(upload="net.onnx"))
    assert isinstance(model, ModelInspected), model
    data = bench.perform(
        InspectDataset.model_validate(
            {"upload": "data.npz", "transforms": {"image": {"scale": 1 / 255}}}
        )
    )
    assert isinstance(data, DatasetInspected), data
    for name in (model.canonical, data.canonical):
        (bench.out / name).rename(bench.inside / name)
    return (
        StagedModel(canonical=model.canonical, uploaded="net.onnx", facts=model.facts),
        StagedDataset(file=data.canonical, facts=data.facts),
    )


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
    model, data = inspected(staged, bench)
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
    model, data = inspected(staged, bench)
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
    model, data = inspected(staged, first)
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
    model, data = inspected(staged, bench)
    steps = [
        {"id": "tidy", "technique": "optimize.graph"},
        {"id": "slim", "technique": "prune.channels", "keep_macs": 0.5, "protect": ["nowhere"]},
    ]
    ending = bench.perform(compress(job(pipeline=steps), model, data))
    assert isinstance(ending, Refusal)
    assert (ending.failure.step, ending.failure.code) == (1, "unknown_layer")


def embedder(rng: np.random.Generator) -> onnx.ModelProto:
    """Token ids to the mean of their vectors, then one matrix."""
    nodes = [
        helper.make_node("Gather", ["words.weight", "ids"], ["w"]),
        helper.make_node("ReduceMean", ["w", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "out.weight"], ["vector"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "words"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 32])],
        [
            numpy_helper.from_array(
                rng.standard_normal((200, 64)).astype(np.float32), "words.weight"
            ),
            numpy_helper.from_array(
                rng.standard_normal((64, 32)).astype(np.float32), "out.weight"
            ),
            numpy_helper.from_array(np.array([1]), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_pairs_are_judged_by_the_similarity_of_both_sides(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    onnx.save(embedder(rng), tmp_path / "net.onnx")
    arrays: dict[str, NDArray[np.generic]] = {
        f"test/{side}/ids": rng.integers(0, 200, (60, 5)) for side in ("a", "b")
    }
    arrays["test/label"] = rng.random(60)
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    bench = Bench(tmp_path)
    for name in ("net.onnx", "data.npz"):
        (bench.inside / name).write_bytes((tmp_path / name).read_bytes())
    model = bench.perform(InspectModel(upload="net.onnx"))
    data = bench.perform(InspectDataset(upload="data.npz"))
    assert isinstance(model, ModelInspected), model
    assert isinstance(data, DatasetInspected), data
    for name in (model.canonical, data.canonical):
        (bench.out / name).rename(bench.inside / name)

    dataset = new("dat")
    spec = JobSpec.model_validate(
        {
            "model": new("mdl"),
            "data": {"evaluation": {"dataset": dataset, "split": "test", "samples": 50}},
            "task": {"kind": "similarity", "metrics": ["spearman"]},
            "pipeline": [{"id": "int8", "technique": "quantize.dynamic"}],
            "benchmark": None,
        }
    )
    staged_model = StagedModel(canonical=model.canonical, facts=model.facts)
    ending = bench.perform(
        Compress(
            spec=spec,
            model=staged_model,
            baseline=staged_model,
            datasets={dataset: StagedDataset(file=data.canonical, facts=data.facts)},
        )
    )
    assert isinstance(ending, Compressed), ending
    (spearman,) = [
        c for c in ending.report.candidates[0].against_baseline if c.metric == "spearman"
    ]
    assert spearman.examples == 50
    assert abs(spearman.change) < 0.05
    assert ending.report.verdict.realised == "smaller"
    assert ending.report.noise == ()  # token ids carry no noise
    assert [layer.dtype for layer in ending.report.layers] == ["uint8", "int8"]


def test_an_opset_that_cannot_be_reached_is_refused_before_any_step(
    staged: Path, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    model, data = inspected(staged, bench)
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
