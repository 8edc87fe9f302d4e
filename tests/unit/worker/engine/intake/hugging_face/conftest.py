"""Model folders: of numbers alone, and of small networks as transformers saves them."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from worker.engine.onnx_file.place import Place, whole

os.environ["HF_HUB_OFFLINE"] = "1"

BERT = {
    "model_type": "bert",
    "vocab_size": 31,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 20,
}

Files = dict[str, bytes]
Placed = Callable[[Files], dict[str, Place]]


def config_of(**change: object) -> bytes:
    return json.dumps(BERT | change).encode()


def weights_of(**shapes: tuple[int, ...]) -> bytes:
    """A safetensors file with ones of these shapes."""
    return save({name: torch.ones(shape) for name, shape in shapes.items()})


def zipped(files: Files) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def tarred(files: Files) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


@pytest.fixture
def placed(tmp_path: Path) -> Placed:
    """The files as an archive's members after unpacking."""

    def place(files: Files) -> dict[str, Place]:
        places = {}
        for name, content in files.items():
            path = tmp_path / "unpacked" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            places[name] = whole(path)
        return places

    return place


def saved(network: Any, folder: Path, **how: object) -> Files:
    """What `save_pretrained` writes."""
    network.save_pretrained(folder, **how)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def bert() -> Any:
    """Tokens of 31 words -> states (batch, sequence, 8) and a summary (batch, 8)."""
    from transformers import BertConfig, BertModel  # noqa: PLC0415 - 4 s that few tests need

    torch.manual_seed(5)
    network = BertModel(BertConfig.from_dict(BERT))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


@pytest.fixture(scope="session")
def bert_files(bert: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(bert, tmp_path_factory.mktemp("bert"))
