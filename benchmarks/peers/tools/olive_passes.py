"""One pass of Olive: olive_passes static|dynamic|int4 MODEL EXAMPLES TARGET.

Olive exits with 0 where it made nothing: here that is an error.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from olive.data.registry import Registry
from olive.workflows import run
from torch.utils.data import Dataset

BATCH = 32
PASSES: dict[str, dict[str, Any]] = {
    "static": {
        "type": "OnnxStaticQuantization",
        "data_config": "calibration",
        "precision": "int8",
        "activation_type": "uint8",
        "per_channel": True,
        "quant_format": "QOperator",
        "quant_preprocess": True,
    },
    "dynamic": {"type": "OnnxDynamicQuantization", "precision": "int8", "per_channel": True},
    "int4": {"type": "OnnxBlockWiseRtnQuantization", "bits": 4},
}


class _Examples(Dataset[tuple[dict[str, np.ndarray], int]]):
    """The calibration examples one by one, each with a label that nobody reads."""

    def __init__(self, path: str) -> None:
        self.arrays = dict(np.load(path))

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, place: int) -> tuple[dict[str, np.ndarray], int]:
        return {name: array[place] for name, array in self.arrays.items()}, 0


def main(form: str, model: str, examples: str, target: str) -> None:
    """Run the pass; raises RuntimeError where Olive made no model."""

    @Registry.register_dataset()  # type: ignore[untyped-decorator] # Olive's names for it
    def calibration_examples(**_: object) -> _Examples:
        return _Examples(examples)

    out = Path(target).with_suffix(".olive")
    device = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
    made = run(
        {
            "input_model": {"type": "ONNXModel", "model_path": model},
            "systems": {"here": {"type": "LocalSystem", "accelerators": [device]}},
            "host": "here",
            "target": "here",
            "data_configs": [
                {
                    "name": "calibration",
                    "load_dataset_config": {"type": "calibration_examples"},
                    "dataloader_config": {"batch_size": BATCH},
                }
            ],
            "passes": {"quantize": PASSES[form]},
            "output_dir": str(out),
            "cache_dir": str(out / "cache"),
        }
    )
    best = made.get_best_candidate() if made.has_output_model() else None
    if best is None:
        raise RuntimeError("Olive ended without a model")
    Path(best.model_path).rename(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
