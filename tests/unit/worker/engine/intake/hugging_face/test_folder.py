"""Which members of an archive are read, and which never."""

import json
from pathlib import Path

import pytest

from lathe.errors import CorruptModel, NotAModel, Refused, UnsupportedModel
from tests.unit.worker.engine.intake.hugging_face.conftest import Files, Placed, config_of
from worker.engine.intake.hugging_face import folder as folder_of
from worker.engine.intake.hugging_face.folder import as_file, is_model_folder, model_folder
from worker.engine.intake.hugging_face.sentences import Sentences
from worker.engine.onnx_file.place import Place

CONFIG = config_of()


@pytest.mark.parametrize(
    ("files", "holds"),
    [
        ({"config.json": CONFIG}, True),
        ({"net/config.json": b"{}", "net/model.safetensors": b""}, True),
        ({"config.json": b"{}", "pytorch_model.bin": b""}, True),
        ({"config.json": b"{}", "net/model.safetensors": b""}, False),
        ({"model.safetensors": b""}, False),
        ({"my_config.json": CONFIG}, False),
    ],
)
def test_a_folder_is_known_by_its_config(files: Files, holds: bool, placed: Placed) -> None:
    assert is_model_folder(placed(files)) is holds


def test_the_one_file_of_weights_is_read_whatever_else_lies_there(placed: Placed) -> None:
    chosen = model_folder(
        placed(
            {
                "net/config.json": CONFIG,
                "net/model.safetensors": b"w",
                "net/tf.safetensors": b"t",
                "net/pytorch_model.bin": b"p",
                "net/vocab.txt": b"v",
                "net/2_Dense/config.json": b"{}",
                "net/2_Dense/model.safetensors": b"d",
                "net/preprocessor_config.json": b'{"size": 224}',
            }
        )
    )
    assert chosen.config["vocab_size"] == 31
    assert {name: place.path.read_bytes() for name, place in chosen.weights.items()} == {
        "model.safetensors": b"w"
    }
    assert chosen.shard_of is None
    assert chosen.images == {"size": 224}
    assert chosen.sentences is None


def modules(*named: str) -> bytes:
    return json.dumps([{"type": name.strip("012_"), "path": name} for name in named]).encode()


MEAN = b'{"pooling_mode_mean_tokens": true}'


@pytest.mark.parametrize("network", ["", "0_Transformer"])
def test_modules_say_where_the_network_lies_and_what_stands_behind_it(
    network: str, placed: Placed
) -> None:
    root = f"net/{network}/" if network else "net/"
    listed = json.loads(modules("0_Transformer", "1_Pooling", "2_Normalize"))
    listed[0]["path"] = network
    chosen = model_folder(
        placed(
            {
                "net/modules.json": json.dumps(listed).encode(),
                f"{root}config.json": CONFIG,
                f"{root}model.safetensors": b"w",
                "net/1_Pooling/config.json": MEAN,
            }
        )
    )
    assert chosen.config["vocab_size"] == 31
    assert chosen.sentences == Sentences(("mean",), normalize=True)


@pytest.mark.parametrize(
    ("files", "refusal", "told"),
    [
        ({"modules.json": b"{}"}, CorruptModel, "'modules.json' is no list of modules"),
        ({"modules.json": b"[1]"}, CorruptModel, "is no list of modules"),
        ({"modules.json": b'[{"type": "Transformer"}]'}, CorruptModel, "a type and a path"),
        ({"modules.json": b"["}, CorruptModel, "is no JSON"),
        ({"modules.json": b"[]"}, UnsupportedModel, "lists nothing"),
        ({"modules.json": modules("../1_Pooling")}, CorruptModel, "lacks '../1_Pooling/conf"),
        (
            {
                "modules.json": modules("0_Transformer", "1_Pooling"),
                "1_Pooling/config.json": MEAN,
            },
            CorruptModel,
            "lacks '0_Transformer/config.json'",
        ),
        (
            {
                "modules.json": modules("0_Transformer", "1_Pooling", "2_Dense"),
                "0_Transformer/config.json": CONFIG,
                "1_Pooling/config.json": MEAN,
            },
            UnsupportedModel,
            "lists Transformer, Pooling, Dense",
        ),
    ],
)
def test_modules_that_cannot_be_followed_are_refused(
    files: Files, refusal: type[Refused], told: str, placed: Placed
) -> None:
    beside = {"config.json": CONFIG, "model.safetensors": b"w"}
    with pytest.raises(refusal, match=told):
        model_folder(placed(beside | files))


def test_an_index_says_which_files_are_read(placed: Placed) -> None:
    index = {"weight_map": {"u": "b.safetensors", "v": "a.safetensors", "w": "b.safetensors"}}
    files = {
        "config.json": CONFIG,
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{f"{name}.safetensors": name.encode() for name in "abc"},
    }
    chosen = model_folder(placed(files))
    assert list(chosen.weights) == ["a.safetensors", "b.safetensors"]
    assert chosen.shard_of == index["weight_map"]
    assert chosen.images == {}


def index(*, of: object) -> Files:
    return {
        "config.json": CONFIG,
        "a.safetensors": b"",
        "x/b.safetensors": b"",
        "model.safetensors.index.json": json.dumps(of).encode(),
    }


@pytest.mark.parametrize(
    ("files", "refusal", "told"),
    [
        (
            {"config.json": CONFIG},
            NotAModel,
            "has a config.json and no weights; add",
        ),
        (
            {"config.json": CONFIG, "pytorch_model.bin": b""},
            NotAModel,
            "Python pickle (pytorch_model.bin), which runs code; save it with",
        ),
        (
            {"config.json": CONFIG, "a.safetensors": b"", "b.safetensors": b""},
            NotAModel,
            "holds 2 .safetensors files and no model.safetensors.index.json",
        ),
        (
            {"a/config.json": CONFIG, "b/config.json": CONFIG, "a/model.safetensors": b""},
            NotAModel,
            "holds 2 folders with a config.json",
        ),
        ({"config.json": b"{", "a.safetensors": b""}, CorruptModel, "'config.json' is no JSON"),
        ({"config.json": b"[" * 99_999, "a.safetensors": b""}, CorruptModel, "is no JSON"),
        ({"config.json": b"[]", "a.safetensors": b""}, CorruptModel, "holds no JSON object"),
        ({"config.json": b"\xff", "a.safetensors": b""}, CorruptModel, "is no JSON"),
        (index(of={}), CorruptModel, "has no weight_map"),
        (index(of={"weight_map": {"w": 3}}), CorruptModel, "has no weight_map"),
        (index(of={"weight_map": {"w": "c.safetensors"}}), CorruptModel, "lacks 'c.safet"),
        (index(of={"weight_map": {"w": "c.bin"}}), UnsupportedModel, "'c.bin'; only .safe"),
        (
            index(of={"weight_map": {"w": "x/b.safetensors"}}),
            UnsupportedModel,
            "'x/b.safetensors'; only .safetensors files beside it",
        ),
        (
            index(of={"weight_map": {"w": "../a.safetensors"}}),
            UnsupportedModel,
            "'../a.safetensors'; only",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_refused_by_name(
    files: Files, refusal: type[Refused], told: str, placed: Placed
) -> None:
    with pytest.raises(refusal) as caught:
        model_folder(placed(files))
    assert told in caught.value.detail


def test_a_text_that_is_far_too_large_is_not_read(
    placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_of, "MOST_TEXT_BYTES", len(CONFIG) - 1)
    with pytest.raises(UnsupportedModel, match=r"'config.json' has more than"):
        model_folder(placed({"config.json": CONFIG, "model.safetensors": b""}))


def test_what_lies_inside_an_archive_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    archive = tmp_path / "net.tar"
    archive.write_bytes(b"headerWEIGHTStail")
    found = as_file(Place(archive, 6, 7), tmp_path / "out", "model.safetensors")
    assert found.read_bytes() == b"WEIGHTS"
    assert as_file(Place(archive, 0, 17), tmp_path / "out", "other") == archive
