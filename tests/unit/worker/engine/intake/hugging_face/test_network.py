"""Networks of transformers from a config and tensors."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save_file

from tests.unit.worker.engine.intake.hugging_face.conftest import Files, saved
from worker.engine.intake.hugging_face.config import checked_config
from worker.engine.intake.hugging_face.weights import Stored, stored

TOKENS = torch.tensor([[3, 1, 4], [1, 5, 9]])


def built(config: dict[str, Any], held: dict[str, Stored]) -> Any:
    from worker.engine.intake.hugging_face.network import build  # noqa: PLC0415 - 4 s

    return build(checked_config(config, held), held)


def test_a_matrix_that_two_layers_share_is_stored_once(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel  # noqa: PLC0415 - 4 s

    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=50, n_embd=4, n_layer=1, n_head=2, n_positions=9, bos_token_id=1,
        eos_token_id=1,
    )  # fmt: skip
    network = GPT2LMHeadModel(config).eval()
    files = saved(network, tmp_path / "gpt2")
    held = stored({"w": tmp_path / "gpt2" / "model.safetensors"}, None)
    assert "lm_head.weight" not in held
    found = built(json.loads(files["config.json"]), held)
    with torch.no_grad():
        said = found(input_ids=TOKENS)
        torch.testing.assert_close(said.logits, network(input_ids=TOKENS).logits)
    assert list(said) == ["logits"]  # no cache of keys and values
    assert found.config._attn_implementation == "eager"


def test_weights_of_half_precision_become_float32(
    bert: Any, bert_files: Files, tmp_path: Path
) -> None:
    halves = {
        name: value.bfloat16() for name, value in load(bert_files["model.safetensors"]).items()
    }
    save_file(halves, tmp_path / "w")
    config = json.loads(bert_files["config.json"]) | {"torch_dtype": "bfloat16"}
    found = built(config, stored({"w": tmp_path / "w"}, None))
    assert {p.dtype for p in found.parameters()} == {torch.float32}
    for mine, theirs in zip(found.parameters(), bert.parameters(), strict=True):
        assert torch.equal(mine, theirs.bfloat16().float())
