"""How each technique is asked for in the matrix: little more than its defaults.

One entry a technique of the registry. Where a technique has no default for what it is to reach
the entry names a mild goal; trainings last two epochs.
"""

from collections.abc import Mapping

from lathe.techniques import TECHNIQUES, AnyStep

Options = Mapping[str, object]

SHORT: Options = {"epochs": 2}
RECOVER: Options = {"technique": "train.recover", **SHORT}

OPTIONS: dict[str, Options] = {
    "optimize.graph": {},
    "analyze.sensitivity": {"samples": 64},
    "prune.channels": {"keep_parameters": 0.6, "recover": RECOVER},
    "prune.neurons": {"keep_neurons": 0.7},
    "prune.heads": {"keep_heads": 0.5},
    "prune.units": {"keep_units": 0.6},
    "prune.embeddings": {"keep_width": 0.6},
    "prune.blocks": {"remove": 1},
    "prune.weights": {"sparsity": 0.6},
    "prune.sensing": {"error": 0.1},
    "decompose.svd": {"rank": {"by": "budget", "keep_parameters": 0.8}},
    "decompose.tucker": {"rank": {"by": "energy", "energy": 0.7}},
    "decompose.cp": {"rank": {"by": "energy", "energy": 0.5}},
    "train.recover": SHORT,
    "train.distill": SHORT,
    "train.regularize": SHORT,
    "train.rate_distortion": {**SHORT, "settle_epochs": 1, "batch_size": 64},
    "share.rate_distortion": {"assignment": "feedback"},
    "share.weights": {"epochs": 1},
    "share.dictionary": {},
    "share.kernels": {},
    "quantize.static": {},
    "quantize.dynamic": {},
    "quantize.aware": SHORT,
    "quantize.choose": {"runs": 20},
    "quantize.weights": {},
    "quantize.log2": {},
    "quantize.mixed": {"max_drop": 0.02},
    "quantize.float": {},
    "encode.entropy": {},
}
PACK = "encode.entropy"


def name_of(step: type[AnyStep]) -> str:
    """As a pipeline names it."""
    return str(step.model_fields["technique"].default)


def registered() -> tuple[str, ...]:
    """Every technique of the registry, in its order.

    Raises LookupError for one that has no entry in OPTIONS.
    """
    names = tuple(name_of(step) for step in TECHNIQUES)
    missing = [name for name in names if name not in OPTIONS]
    if missing:
        raise LookupError(
            f"benchmarks/matrix/techniques.py has no entry for {', '.join(missing)}"
        )
    return names


def pipeline(technique: str) -> list[dict[str, object]]:
    """The technique, and a packing behind it so that what it saves there is measured too."""
    step = {"id": "step", "technique": technique, **OPTIONS[technique]}
    return [step] if technique == PACK else [step, {"id": "pack", "technique": PACK}]
