"""A Hugging Face folder over HTTP: exported in the sandbox, smaller, answering alike."""

import os
import shutil
from pathlib import Path

import numpy as np
import torch

from tests.services.stand import stand_in

WORDS = 60


def test_a_hugging_face_folder_is_a_model_like_any_other(tmp_path: Path) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import (  # noqa: PLC0415 - 4 s
        DistilBertConfig,
        DistilBertForSequenceClassification,
    )

    torch.manual_seed(1)
    config = DistilBertConfig(
        vocab_size=WORDS,
        dim=32,
        n_layers=1,
        n_heads=4,
        hidden_dim=64,
        max_position_embeddings=64,
        num_labels=5,
    )
    net = DistilBertForSequenceClassification(config).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    net.save_pretrained(tmp_path / "net")
    shutil.make_archive(str(tmp_path / "upload"), "zip", tmp_path, "net")
    with stand_in(tmp_path) as stand:
        session = stand.in_blocks(tmp_path / "upload.zip", "hugging-face", tmp_path)
    tokens = np.random.default_rng(2).integers(0, WORDS, (3, 9))
    mask = np.ones_like(tokens)
    mask[1, 4:] = 0
    (said,) = session.run(["logits"], {"input_ids": tokens, "attention_mask": mask})
    with torch.no_grad():
        wanted = net(torch.from_numpy(tokens), torch.from_numpy(mask)).logits.numpy()
    assert np.abs(said - wanted).max() < 0.2 * np.abs(wanted).max()
