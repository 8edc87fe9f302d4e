"""The version of what a job's row asks of a worker, so that releases can run side by side.

The service writes it on each job; a worker claims only what lies in its range, and the rest
waits for a worker of a newer release. Raise `NEWEST` in the release that makes a row say
something which an older worker would refuse or misread: a new technique, key or value in the
spec, or a new form of the stored files that the job reads. Raise `OLDEST` only when no row of
that version can be left in any database.

A row gets the oldest version that understands it, so a job that uses nothing new waits for
nobody. A new key that is left at its default must not be stored for that (`exclude_if`).

    1  the first release
    2  techniques for packed files; `augment` of training steps and `betas` of Adam
    3  everything that is not listed here
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lathe.job import JobSpec
from lathe.techniques.quantize.excluded import ANY

OLDEST = 1
NEWEST = 3
INSPECTION = 1  # of an upload; its row has no spec
FETCH = 3  # of one by reference, whose bytes the worker must fetch

_TECHNIQUES = {
    **dict.fromkeys(("optimize.graph", "prune.channels", "train.recover", "train.distill"), 1),
    **dict.fromkeys(("quantize.static", "quantize.dynamic", "quantize.float"), 1),
    **dict.fromkeys(("prune.weights", "share.weights", "encode.entropy"), 2),
    **dict.fromkeys(("train.rate_distortion", "share.rate_distortion"), 2),
}
_LATER_KEYS = {
    **dict.fromkeys(("augment", "betas", "recover"), 2),
    **dict.fromkeys(("batch_norms", "features", "pattern"), 3),
    **dict.fromkeys(("reestimate_norms", "refit", "student", "warmup"), 3),
    "prune.weights samples": 3,
    **dict.fromkeys(("equalize", "smooth", "correct_bias", "back_off"), 3),
}
_VALUES = {  # of keys whose set of values has grown
    "criterion": dict.fromkeys(("l1", "l2", "taylor", "magnitude", "threshold"), 1),
    "kind": dict.fromkeys(("sgd", "adam", "adamw"), 1),  # of an optimizer
    "schedule": dict.fromkeys(("constant", "cosine"), 1),
    "dtype": {"float16": 1},
    "method": dict.fromkeys(("min_max", "percentile", "entropy"), 1),  # of a calibration
}


def version_of(spec: JobSpec) -> int:
    """The oldest version whose workers understand `spec`."""
    steps = (
        version for step in spec.pipeline for version in _versions(step.model_dump(mode="json"))
    )
    tasks = NEWEST if spec.task is not None and spec.task.also else OLDEST
    told = OLDEST if spec.webhook is None else NEWEST
    outputs = NEWEST if spec.wants_events else OLDEST
    return max(tasks, told, outputs, *steps)


def _versions(stored: Mapping[str, Any]) -> Iterator[int]:
    """Of each thing that is stored of a step, and of what is inside it."""
    technique = stored.get("technique")
    if technique is not None:
        yield _TECHNIQUES.get(technique, NEWEST)
    for key, value in stored.items():
        yield _LATER_KEYS.get(key, OLDEST)
        yield _LATER_KEYS.get(f"{technique} {key}", OLDEST)
        if key in _VALUES and value is not None:
            yield _VALUES[key].get(value, NEWEST)
        if key == "exclude" and any(ANY in layer for layer in value):  # a pattern
            yield NEWEST
        if isinstance(value, Mapping):
            yield from _versions(value)
