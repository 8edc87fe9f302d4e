"""Data in the formats that people have goes through whole jobs over HTTP."""

import csv
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from examples.service import embedded
from lathe.client import Client
from lathe.errors import InvalidSpec, NotADataset
from lathe.facts import Transform
from lathe.layout import Layout, PictureLayout, TextLayout
from lathe.report import Report
from lathe.states import JobState
from lathe.views import DatasetView
from tests.services.worker.nets import perceptron

WORDS = ["[PAD]", "[UNK]", "good", "fine", "bad", "poor", "film", "book", "very", "not"]
LENGTH = 6
LESSON = {
    "technique": "train.recover",
    "epochs": 6,
    "batch_size": 32,
    "optimizer": {"kind": "adam", "lr": 0.01},
}
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def lathe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        embedded(tmp_path_factory.mktemp("formats") / "data") as service,
        Client(service.url, service.key) as client,
    ):
        yield client


def graph(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, list[Any]]],
    classes: int,
    weights: Mapping[str, Floats],
    path: Path,
) -> Path:
    """A model of these nodes, whose output is `y` (batch, classes)."""
    made = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(each, name) for name, each in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=10), path)
    return path


def tarred(members: Mapping[str, bytes], path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def finished(
    lathe: Client, model: Path, data: DatasetView, step: dict[str, Any], split: str = "test"
) -> Report:
    """The report of a job that looked at `train` and was judged on `split`."""
    train = {"dataset": data.id, "split": "train"}
    spec = {
        "model": lathe.upload_model(model).id,
        "data": {
            "calibration": train,
            "train": train,
            "evaluation": {"dataset": data.id, "split": split},
        },
        "task": {"kind": "classification"},
        "pipeline": [step],
        "benchmark": None,
    }
    job = lathe.wait(lathe.submit(spec).id, timeout_s=240)
    assert job.state is JobState.SUCCEEDED, job.failure
    return lathe.report(job.id)


def accuracy(report: Report, role: str) -> float:
    subject = report.baseline if role == "baseline" else report.candidates[-1]
    return next(m.value for m in subject.measurements if m.metric == "accuracy")


def test_a_folder_of_pictures(lathe: Client, tmp_path: Path) -> None:
    members = {}
    for split, count in (("train", 20), ("test", 10)):
        for name, colour in (("amber", (200, 120, 0)), ("blue", (0, 60, 220))):
            for i in range(count):
                held = io.BytesIO()
                shade = tuple(max(0, each - 3 * i) for each in colour)
                Image.new("RGB", (9, 8), shade).save(held, "JPEG" if i % 2 else "PNG")
                suffix = "jpg" if i % 2 else "png"
                members[f"colours/{split}/{name}/{i}.{suffix}"] = held.getvalue()
    data = lathe.upload_dataset(
        tarred(members, tmp_path / "colours.tar"),
        layout=Layout(pictures=PictureLayout(size=(4, 4))),
        transforms={"image": Transform(scale=1 / 255)},
    )
    assert data.facts is not None
    assert data.facts.classes == ("amber", "blue")
    assert data.summary is not None
    assert [each.examples for each in data.summary.classes] == [{"train": 20, "test": 10}] * 2
    red_or_blue = np.zeros((48, 2), np.float32)
    red_or_blue[:16, 0] = red_or_blue[32:, 1] = 1
    net = graph(
        [
            helper.make_node("Flatten", ["image"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["y"]),
        ],
        {"image": (TensorProto.FLOAT, ["batch", 3, 4, 4])},
        2,
        {"w": red_or_blue},
        tmp_path / "net.onnx",
    )
    report = finished(lathe, net, data, {"technique": "quantize.static"})
    assert accuracy(report, "baseline") == 1
    assert accuracy(report, "candidate") == 1
    assert [one.name for one in report.classes] == ["amber", "blue"]


def reviews(count: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    held = io.StringIO()
    lines = csv.writer(held)
    lines.writerow(["review", "label"])
    for _ in range(count):
        kind = int(rng.integers(2))
        word = WORDS[(2 if kind else 4) + int(rng.integers(2))]
        lines.writerow(
            [f"very {word} {WORDS[6 + int(rng.integers(2))]}", ["bad", "good"][kind]]
        )
    return held.getvalue().encode()


def vocabulary() -> bytes:
    made = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    return str(made.to_str()).encode()


def reader(rows: int, path: Path) -> Path:
    """Adds up a row of a table for each token that its mask shows."""
    table = np.zeros((rows, 2), np.float32)
    table[4:6, 0] = table[2:4, 1] = 1
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["shown"]),
        helper.make_node("ReduceSum", ["shown", "middle"], ["sum"], keepdims=0),
        helper.make_node("Gemm", ["sum", "w"], ["y"]),
    ]
    axes: dict[str, Any] = {"last": np.array([2]), "middle": np.array([1])}
    ids = (TensorProto.INT64, ["batch", "tokens"])
    weights = {"table": table, "w": np.eye(2, dtype=np.float32), **axes}
    return graph(nodes, {"input_ids": ids, "attention_mask": ids}, 2, weights, path)


def test_a_table_of_texts_with_its_tokenizer(lathe: Client, tmp_path: Path) -> None:
    members = {
        "train.csv": reviews(200, 1),
        "test.csv": reviews(100, 2),
        "tokenizer.json": vocabulary(),
    }
    data = lathe.upload_dataset(
        tarred(members, tmp_path / "reviews.tar"),
        layout=Layout(texts=TextLayout(length=LENGTH)),
    )
    assert data.summary is not None
    first = data.summary.splits[0].samples[0]
    assert (first.source, first.texts[0][:5]) == ("train.csv, line 2", "very ")
    report = finished(
        lathe,
        reader(len(WORDS), tmp_path / "net.onnx"),
        data,
        {"technique": "quantize.dynamic"},
    )
    assert accuracy(report, "baseline") == 1
    assert accuracy(report, "candidate") == 1


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(
    lathe: Client, tmp_path: Path
) -> None:
    members = {"train.csv": reviews(40, 1), "tokenizer.json": vocabulary()}
    data = lathe.upload_dataset(tarred(members, tmp_path / "reviews.tar"))
    model = lathe.upload_model(reader(7, tmp_path / "net.onnx"))
    split = {"dataset": data.id, "split": "train"}
    spec = {
        "model": model.id,
        "data": {"evaluation": split},
        "task": {"kind": "classification"},
        "pipeline": [{"technique": "quantize.dynamic"}],
    }
    with pytest.raises(InvalidSpec, match=r"holds the id 8, .* a table of 7 rows"):
        lathe.submit(spec)


def rows(count: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    x = np.random.default_rng(seed).standard_normal((count, 16), dtype=np.float32)
    return x, x[:, :4].argmax(axis=1)


def test_a_parquet_table(lathe: Client, tmp_path: Path) -> None:
    members = {}
    for split, count, seed in (("train", 3000, 1), ("test", 400, 2)):
        x, label = rows(count, seed)
        columns = {f"c{i}": x[:, i] for i in range(16)} | {"label": label}
        held = io.BytesIO()
        pq.write_table(pa.table(columns), held, row_group_size=500)
        members[f"table/{split}.parquet"] = held.getvalue()
    data = lathe.upload_dataset(tarred(members, tmp_path / "table.tar"))
    assert data.facts is not None
    assert (data.facts.format, data.facts.splits[0].examples) == ("parquet", 3000)
    net = tmp_path / "net.onnx"
    net.write_bytes(perceptron(3))
    report = finished(lathe, net, data, LESSON)
    assert accuracy(report, "candidate") > accuracy(report, "baseline") + 0.2


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_a_set_of_shards(kind: str, lathe: Client, tmp_path: Path) -> None:
    members = {}
    for shard in range(6):
        x, label = rows(500, shard)
        held = io.BytesIO()
        if kind == "npz":
            np.savez(held, x=x, label=label)
        else:
            held.write(safetensors.numpy.save({"x": x, "label": label}))
        split = "test" if shard == 5 else "train"
        members[f"{split}/part-{shard}.{kind}"] = held.getvalue()
    data = lathe.upload_dataset(tarred(members, tmp_path / "shards.tar"))
    assert data.facts is not None
    assert [split.examples for split in data.facts.splits] == [2500, 500]
    net = tmp_path / "net.onnx"
    net.write_bytes(perceptron(4))
    report = finished(lathe, net, data, LESSON)
    assert accuracy(report, "candidate") > accuracy(report, "baseline") + 0.2


def test_ragged_rows_are_refused_with_their_line(lathe: Client, tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    table.write_text("a,b\n1,2\n3,4,5\n")
    with pytest.raises(NotADataset, match="line 3 has 3 values"):
        lathe.upload_dataset(table)
