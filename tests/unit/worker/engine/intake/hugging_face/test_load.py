"""A Hugging Face folder as an upload."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load, save

from lathe.errors import CorruptModel, Refused, UnsupportedModel
from tests.unit.worker.engine.intake.conftest import Planted
from tests.unit.worker.engine.intake.hugging_face.conftest import (
    Files,
    config_of,
    saved,
    tarred,
    zipped,
)
from worker.engine.intake.hugging_face.config import without_head
from worker.engine.intake.hugging_face.load import check_answers
from worker.engine.intake.load import load_model
from worker.engine.intake.model import inspect_model
from worker.engine.onnx_file.read import read_model
from worker.engine.session import open_session, run
from worker.wire import Limits


def test_a_text_network_answers_as_in_transformers_and_its_pickle_stays_closed(
    bert: Any, bert_files: Files, tmp_path: Path
) -> None:
    others = {
        "pytorch_model.bin": pickle.dumps(Planted(tmp_path / "ran")),
        "tokenizer.json": b"{",
        "modeling.py": b"raise SystemExit",
        "__MACOSX/._config.json": b"\0",
    }
    files = {f"net/{name}": content for name, content in (bert_files | others).items()}
    (tmp_path / "net.zip").write_bytes(zipped(files))
    facts = inspect_model(tmp_path / "net.zip", tmp_path / "out.onnx", Limits())
    assert not (tmp_path / "ran").exists()
    assert facts.format == "hugging-face"
    assert facts.capabilities.torch_view
    assert [(i.name, i.shape) for i in facts.io.inputs] == [
        (name, ("batch", "sequence"))
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    rng = np.random.default_rng(2)
    inputs = {i.name: rng.integers(0, 2, (4, 13)) for i in facts.io.inputs}
    inputs["input_ids"] = rng.integers(0, 31, (4, 13))
    inputs["attention_mask"][:, 0] = 1
    with torch.no_grad():
        wanted = bert(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    said = run(open_session(read_model(tmp_path / "out.onnx")), inputs)
    assert said.keys() == {"last_hidden_state", "pooler_output"}
    for name, value in said.items():
        np.testing.assert_allclose(value, wanted[name].numpy(), atol=1e-5)


def test_an_encoder_of_sentences_answers_with_a_vector_a_text(
    bert: Any, bert_files: Files, tmp_path: Path
) -> None:
    """Though config.json names a head: its states are pooled, and the head is left out."""
    modules = [
        {"type": f"sentence_transformers.models.{kind}", "path": path}
        for kind, path in (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_N"))
    ]
    files = bert_files | {
        "config.json": config_of(architectures=["BertForMaskedLM"]),
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
    }
    (tmp_path / "net.zip").write_bytes(zipped(files))
    model, _ = load_model(tmp_path / "net.zip", tmp_path / "a", Limits())
    tokens = np.random.default_rng(2).integers(0, 31, (3, 6))
    mask = np.ones_like(tokens)
    mask[1, 2:] = 0
    kinds = np.zeros_like(tokens)
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = dict(zip(names, (tokens, mask, kinds), strict=True))
    said = run(open_session(model), inputs)
    with torch.no_grad():
        states = bert(**{name: torch.from_numpy(value) for name, value in inputs.items()})[0]
    wanted = np.stack([states[0].mean(0), states[1, :2].mean(0), states[2].mean(0)])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert said.keys() == {"sentence_embedding"}
    np.testing.assert_allclose(said["sentence_embedding"], wanted, atol=1e-5)


def test_pooled_tokens_of_images_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="the tokens of a 'vit', which reads no texts"):
        without_head({"model_type": "vit"})


def test_an_image_classifier_of_many_files_in_a_tar_answers_as_in_transformers(
    tmp_path: Path,
) -> None:
    from transformers import ViTConfig, ViTForImageClassification  # noqa: PLC0415 - 4 s

    torch.manual_seed(6)
    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=12,
        image_size=[4, 6],
        patch_size=2,
        num_channels=2,
        num_labels=3,
    )
    network = ViTForImageClassification(config).eval()
    files = saved(network, tmp_path / "vit", max_shard_size="1KB")
    assert "model.safetensors.index.json" in files
    (tmp_path / "net.tar").write_bytes(tarred(files))
    model, form = load_model(tmp_path / "net.tar", tmp_path / "a", Limits())
    assert form == "hugging-face"
    x = np.random.default_rng(1).normal(size=(5, 2, 4, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(x)).logits.numpy()
    assert wanted.shape == (5, 3)
    said = run(open_session(model), {"pixel_values": x})
    np.testing.assert_allclose(said["logits"], wanted, atol=1e-5)


def changed(files: Files, **tensors: torch.Tensor | None) -> bytes:
    """The weights with other tensors, or without those that are None."""
    held = load(files["model.safetensors"]) | tensors
    return save({name: value for name, value in held.items() if value is not None})


WORDS, POOLER = "embeddings.word_embeddings.weight", "pooler.dense.weight"


@pytest.mark.parametrize(
    ("config", "tensors", "refusal", "told"),
    [
        (
            {},
            {POOLER: None},
            CorruptModel,
            f"lack 1 tensors of the network, such as {POOLER!r}",
        ),
        ({}, {WORDS: torch.zeros(30, 8)}, CorruptModel, f"describes, such as '{WORDS}'"),
        ({"intermediate_size": 13}, {}, CorruptModel, "3 tensors have other shapes"),
        ({"vocab_size": 10**12}, {}, CorruptModel, "a network of 80000000"),
        ({"hidden_act": "nope"}, {}, UnsupportedModel, r"no ONNX .* (KeyError: 'nope')"),
        ({"hidden_size": 9}, {}, UnsupportedModel, "not a multiple of the number"),
        ({"hidden_size": "8"}, {}, UnsupportedModel, "expected int, got str"),
        (
            {"architectures": ["Planted"]},
            {},
            UnsupportedModel,
            "architectures ['Planted'];",
        ),
        (
            {"architectures": ["pipeline"]},
            {},
            UnsupportedModel,
            "builds one of BertModel, ",
        ),
        ({"architectures": "BertModel"}, {}, UnsupportedModel, "says architectures BertModel"),
        ({"architectures": [["x"]]}, {}, UnsupportedModel, "says architectures [['x']]"),
    ],
)
def test_config_and_weights_of_two_models_are_refused_by_name(
    bert_files: Files,
    tmp_path: Path,
    config: dict[str, Any],
    tensors: dict[str, torch.Tensor | None],
    refusal: type[Refused],
    told: str,
) -> None:
    files = {"config.json": config_of(**config)}
    files["model.safetensors"] = changed(bert_files, **tensors)
    (tmp_path / "net.zip").write_bytes(zipped(files))
    with pytest.raises(refusal) as caught:
        load_model(tmp_path / "net.zip", tmp_path / "a", Limits())
    for part in told.split(" .* "):
        assert part in caught.value.detail


def test_a_folder_with_an_onnx_file_is_that_file(bert_files: Files, tmp_path: Path) -> None:
    (tmp_path / "net.zip").write_bytes(zipped(bert_files | {"net.onnx": _scaled(2)}))
    model, form = load_model(tmp_path / "net.zip", tmp_path / "a", Limits())
    assert form == "onnx-archive"
    assert [node.op_type for node in model.graph.node] == ["Mul"]


class Doubled(torch.nn.Module):
    """x (n, 2) -> y = 2 x, and something that is no tensor."""

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"y": 2 * x, "states": (x, x)}


def _scaled(factor: float) -> bytes:
    """ONNX of x (n, 2) -> y = factor x."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.float32(factor), "factor")],
    )
    opset = [helper.make_opsetid("", 18)]
    return onnx.ModelProto.SerializeToString(
        helper.make_model(graph, opset_imports=opset, ir_version=10)
    )


def test_an_onnx_file_that_answers_otherwise_is_not_taken(tmp_path: Path) -> None:
    path, inputs = tmp_path / "net.onnx", {"x": torch.tensor([[1.0, -3.0]])}
    path.write_bytes(_scaled(2))
    check_answers(Doubled(), path, inputs)
    path.write_bytes(_scaled(2.001))
    with pytest.raises(UnsupportedModel, match="answers otherwise than the one"):
        check_answers(Doubled(), path, inputs)


def test_the_index_of_a_saved_model_is_read_as_transformers_writes_it(
    bert: Any, tmp_path: Path
) -> None:
    files = saved(bert, tmp_path / "bert", max_shard_size="1KB")
    shards = set(json.loads(files["model.safetensors.index.json"])["weight_map"].values())
    files.pop(min(shards))
    (tmp_path / "net.zip").write_bytes(zipped(files))
    with pytest.raises(CorruptModel, match=f"the folder lacks '{min(shards)}'"):
        load_model(tmp_path / "net.zip", tmp_path / "a", Limits())
