"""all-MiniLM-L6-v2 on STS-B: packed without training.

The pairs of the train part are the unlabelled calibration samples; the 1,379 test pairs judge
the finished file.
"""

from benchmarks.deep_compression.rows import Row
from benchmarks.deep_compression.stage import Given, Stage
from benchmarks.minilm import export, pairs
from benchmarks.nets.minilm import INPUTS

PARAMETERS = 22_713_216
CASES = ("deep-compression",)
MAX_DROP = 0.005
CALIBRATED_ON = 256


def given(stage: Stage, seed: int) -> Given:
    """Model and data uploaded; the calibration sentences have no scores."""
    test, train = pairs(stage.data), pairs(stage.data, "train")
    calibration = {f"unlabelled/{name}": train[f"train/a/{name}"] for name in INPUTS}
    dataset = stage.dataset("stsb", test | calibration, {})
    dense = stage.scratch / "minilm.onnx"
    if not dense.exists():
        export(dense)
    return Given(
        subject="minilm",
        seed=seed,
        dense=dense,
        dense_bytes=4 * PARAMETERS,
        model=stage.model(dense),
        job={
            "data": {
                "calibration": {
                    "dataset": dataset,
                    "split": "unlabelled",
                    "samples": CALIBRATED_ON,
                },
                "evaluation": {"dataset": dataset, "split": "test"},
            },
            "task": {"kind": "similarity"},
        },
        test=stage.test("stsb", {n.removeprefix("test/"): a for n, a in test.items()}),
    )


def row(stage: Stage, case: str, seed: int) -> Row:
    """The one case."""
    start = given(stage, seed)
    limits = [{"metric": "spearman", "max_drop": MAX_DROP}]
    return stage.row(start, case, "deep-compression", constraints=limits)
