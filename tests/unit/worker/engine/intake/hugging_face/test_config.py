"""What of a config.json goes through."""

from pathlib import Path
from typing import Any

import pytest

from lathe.errors import CorruptModel, Refused, UnsupportedModel
from tests.unit.worker.engine.intake.hugging_face.conftest import BERT
from worker.engine.intake.hugging_face.config import checked_config
from worker.engine.intake.hugging_face.weights import Stored

HELD = {f"w{n}": Stored(Path("a"), (2, 5 + n)) for n in range(3)}


def test_switches_of_the_library_go_and_the_network_stays() -> None:
    switches = {
        "_attn_implementation": "somebody/kernels",
        "attn_implementation": "somebody/kernels",
        "transformers_weights": "../w.safetensors",
        "fusion_config": {"patch_embeddings": True},
        "torch_dtype": "float16",
        "return_dict": False,
        "_name_or_path": "somebody/net",
        "auto_map": None,
    }
    assert checked_config(BERT | switches, HELD) == BERT | {"auto_map": None}


def test_as_many_modules_as_tensors_and_as_many_labels_as_rows_go_through() -> None:
    config = BERT | {"num_hidden_layers": 3, "num_labels": 7}
    assert checked_config(config, HELD) == config


@pytest.mark.parametrize(
    ("change", "refusal", "told"),
    [
        ({"model_type": "whisper"}, UnsupportedModel, "model_type 'whisper', which Lathe does"),
        ({"model_type": None}, UnsupportedModel, "model_type 'None'"),
        ({"model_type": ["bert"]}, UnsupportedModel, "model_type \"['bert']\""),
        ({"auto_map": {"AutoModel": "m.Net"}}, UnsupportedModel, "code of its own (auto_map)"),
        ({"quantization_config": {"bits": 4}}, UnsupportedModel, "a quantized model"),
        ({"is_encoder_decoder": True}, UnsupportedModel, "a decoder that reads an encoder's"),
        ({"add_cross_attention": True}, UnsupportedModel, "a decoder that reads an encoder's"),
        (
            {"num_hidden_layers": 4},
            CorruptModel,
            "says num_hidden_layers 4, and the safetensors hold 3 tensors, the longest of 7",
        ),
        ({"depths": [1, 10**9]}, CorruptModel, "says depths [1, 1000000000], and"),
        ({"num_labels": 8}, CorruptModel, "says num_labels 8, and"),
    ],
)
def test_what_transformers_would_run_or_cannot_fill_is_refused_by_its_name(
    change: dict[str, Any], refusal: type[Refused], told: str
) -> None:
    with pytest.raises(refusal) as caught:
        checked_config(BERT | change, HELD)
    assert told in caught.value.detail
    assert ";" in caught.value.detail
