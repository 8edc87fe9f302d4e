"""Classifiers of colour images as ONNX."""

from pathlib import Path

import torch
from torch import nn


def save(model: nn.Module, path: Path, side: int) -> None:
    """`image` (batch, 3, side, side) to `logits` (batch, classes)."""
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, 3, side, side),),
        dynamo=True,
        verbose=False,
        opset_version=18,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    ).save(path, external_data=False)
