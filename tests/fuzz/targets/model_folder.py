"""Hugging Face folders: which files are the model, and what its config.json may ask for."""

import json
from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "worker.engine.intake.hugging_face.config", "worker.engine.intake.hugging_face.folder",
        "worker.engine.intake.hugging_face.sentences",
    ]
):  # fmt: skip
    from worker.engine.intake.hugging_face.config import checked_config, without_head
    from worker.engine.intake.hugging_face.folder import is_model_folder, model_folder

from tests.fuzz import json_edits
from tests.fuzz.scratch import held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from worker.engine.intake.hugging_face.weights import Stored
from worker.engine.onnx_file.place import Place

_CONFIG = {
    "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "vocab_size": 31,
    "num_hidden_layers": 2, "num_attention_heads": 2, "auto_map": None, "num_labels": 2,
    "attn_implementation": "eager", "depths": [1, 1], "is_encoder_decoder": False,
}  # fmt: skip
_DOCUMENTS = {
    "config.json": json.dumps(_CONFIG),
    "modules.json": json.dumps(
        [
            {
                "idx": 0,
                "name": "0",
                "path": "",
                "type": "sentence_transformers.models.Transformer",
            },
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "x.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "x.Normalize"},
        ]
    ),
    "1_Pooling/config.json": json.dumps(
        {
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
            "include_prompt": True,
        }
    ),
    "preprocessor_config.json": json.dumps({"size": {"height": 8, "width": 8}, "crop_size": 8}),
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model.safetensors", "b": "more.safetensors"}}
    ),
}
_NAMES = (
    *_DOCUMENTS, "model.safetensors", "more.safetensors", "pytorch_model.bin",
    "net/config.json", "net/model.safetensors", "0/config.json",
)  # fmt: skip
_WORDS = ["gpt2", "vit", "auto_map", "mean", "pooling_mode", "../x.safetensors", "1_Pooling"]
_HELD = {"w": Stored(Path("x"), (31, 8)), "b": Stored(Path("x"), (8,))}


def _one(data: bytes) -> None:
    script, content = Script(data), b""
    files = dict[str, tuple[int, int]]()
    for _ in range(1 + script.below(6)):
        name = _NAMES[script.below(len(_NAMES))]
        text = _DOCUMENTS.get(name, _DOCUMENTS["config.json"])
        document = json_edits.text([text], script.piece(), _WORDS)
        files[name] = len(content), len(document)
        content += document
    upload = held(content)
    places = {name: Place(upload, *where) for name, where in files.items()}
    if not is_model_folder(places):
        return
    found = model_folder(places)
    config = checked_config(found.config, _HELD)
    if found.sentences is not None:
        config = without_head(config)
    assert "auto_map" not in config or not config["auto_map"]
    assert all(place in places.values() for place in found.weights.values())


def _seeds() -> Iterator[bytes]:
    for names in (
        (0, 5),
        (0, 1, 2, 5),
        (0, 4, 5, 6),
        (0, 3, 5),
        (0, 7),
        (8, 9),
        (0, 1, 2, 5, 3),
    ):
        members = b"".join(bytes([number, 2, 0x20, 0]) for number in names)
        yield bytes([len(names) - 1]) + members


TARGET = Target("Hugging Face folders", _one, _seeds, longest=256)
