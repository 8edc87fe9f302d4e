"""Hand-made facts, jobs and what is refused of them."""

from typing import Any

from app.fit.check import refusals
from app.fit.known import KnownFacts
from lathe import ids
from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec

MODEL, OTHER, DATA = ids.new("mdl"), ids.new("mdl"), ids.new("dat")


IMAGE = {"name": "image", "dtype": "float32", "shape": ["n", 3, 8, 6]}


SCORES = {"name": "scores", "dtype": "float32", "shape": ["n", 7]}


QUANTIZE = {"technique": "quantize.static"}


RECOVER = {"technique": "train.recover"}


def model(**changes: Any) -> ModelFacts:
    layers = [
        {
            "id": name,
            "operator": "Conv",
            "weight_shape": [4, 3, 3, 3],
            "parameters": 108,
        }
        for name in ("conv1.weight", "conv2.weight", "head.weight")
    ]
    facts: dict[str, Any] = {
        "format": "onnx",
        "io": {
            "inputs": changes.pop("inputs", [IMAGE]),
            "outputs": changes.pop("outputs", [SCORES]),
        },
        "stats": {
            "size_bytes": 9,
            "parameters": 324,
            "macs": changes.pop("macs", 700),
            "opset": 18,
            "operators": {"Conv": 3},
            "layers": layers,
        },
        "capabilities": {"torch_view": True, **changes},
    }
    return ModelFacts.model_validate(facts)


def split(name: str, examples: int = 11, **fields: Any) -> dict[str, Any]:
    """`image=("float32", (3, 8, 6))`, a label as `("int64", (), least, largest)`."""
    listed = []
    for field, (dtype, shape, *bounds) in fields.items():
        low, high = bounds or (None, None)
        listed.append(
            {
                "name": field.replace("__", "/"),
                "dtype": dtype,
                "shape": shape,
                "minimum": low,
                "maximum": high,
            }
        )
    return {"name": name, "examples": examples, "fields": listed}


GOOD = {"image": ("float32", (3, 8, 6)), "label": ("int64", (), 0, 6)}


def data(*splits: dict[str, Any], **transforms: dict[str, Any]) -> DatasetFacts:
    whole = {"format": "npz", "splits": splits, "transforms": transforms}
    return DatasetFacts.model_validate(whole)


def spec(
    *pipeline: dict[str, Any], purposes: str = "calibration", **more: Any
) -> dict[str, Any]:
    splits = {purpose: {"dataset": DATA, "split": "s"} for purpose in purposes.split()}
    return {
        "model": MODEL,
        "data": splits,
        "pipeline": pipeline or (QUANTIZE,),
        "benchmark": None,
        **more,
    }


def found(
    body: dict[str, Any],
    dataset: DatasetFacts | None = None,
    net: ModelFacts | None = None,
    other: ModelFacts | None = None,
) -> list[tuple[str, str | None, str]]:
    known = KnownFacts(
        models={MODEL: net or model(), OTHER: other or model()},
        datasets={DATA: dataset or data(split("s", **GOOD))},
    )
    refused = refusals(JobSpec.model_validate(body), known)
    return [(refusal.code, refusal.param, refusal.detail) for refusal in refused]


def only(*args: Any, **kwargs: Any) -> tuple[str, str | None, str]:
    (one,) = found(*args, **kwargs)
    return one
