"""Who compresses what, and how: the peers by their scripts, Lathe by its jobs.

Each is given what it needs for its best known recipe at these nets and nothing more: 8 bits
with calibration for the convolutional one, without for the transformer; 4-bit blocks where a
tool has them; half the work and the same few epochs from those who prune. Lathe's coarser codes
go as far as a target on the train part allows, which no peer can be asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.case import Case

SHIFTS_AND_MIRRORS = {"shift_pixels": 4, "flip": True}
LARGE_BYTES = 20 << 20  # above it everything is coded by the vector


@dataclass(frozen=True, slots=True)
class Peer:
    """A script of `tools/` and its arguments in front of the target's path."""

    name: str
    tool: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline of Lathe. `splits` are those of the data set that it may look at; it is told
    of the task, and measured on the held-out part of train, where `judged`."""

    name: str
    pipeline: list[dict[str, Any]]
    splits: tuple[str, ...]
    judged: bool = False


def peers(case: Case, data: Path, epochs: int) -> list[Peer]:
    """The peers of this case."""
    files = (str(case.model), str(case.examples))
    if case.task == "classification":
        images = str(case.folder / "images.npz")
        halving = Peer(
            f"torch-pruning half the work, {epochs} epochs",
            "pruned_resnet20",
            (str(data), images, str(epochs)),
        )
        return [
            Peer("onnxruntime static int8", "onnxruntime_int8", ("static", *files)),
            Peer("NNCF int8", "nncf_ptq", ("cnn", *files)),
            Peer("Olive static int8", "olive_passes", ("static", *files)),
            *([halving] if case.longer else []),
        ]
    return [
        Peer("onnxruntime dynamic int8", "onnxruntime_int8", ("dynamic", *files)),
        Peer("NNCF int8", "nncf_ptq", ("transformer", *files)),
        Peer("NNCF int4 weights", "nncf_ptq", ("int4", *files)),
        Peer("Olive dynamic int8", "olive_passes", ("dynamic", *files)),
        Peer("Olive int4 weights", "olive_passes", ("int4", *files)),
        Peer("torch-pruning a quarter of the neurons", "pruned_minilm", ()),
    ]


def jobs(case: Case, epochs: int) -> list[Job]:
    """Lathe's jobs for this case."""
    profile = "fast" if case.model.stat().st_size > LARGE_BYTES else "small"
    stored = {"technique": "encode.entropy", "profile": profile}
    shared = {
        "technique": "share.rate_distortion",
        "assignment": "feedback",
        "target": {"max_drop": case.most_lost, "profile": profile},
    }
    coded = "Lathe rate-distortion, no training"
    steps: list[dict[str, Any]] = [shared, stored]
    measured = {"technique": "quantize.choose", "max_drop": case.most_lost}
    chosen = Job("Lathe int8 by measuring", [measured, stored], ("calibration",), judged=True)
    if case.task == "similarity":
        return [
            Job("Lathe dynamic int8", [{"technique": "quantize.dynamic"}, stored], ()),
            chosen,
            Job("Lathe int4 weights", [{"technique": "quantize.weights"}, stored], ()),
            Job(coded, steps, ("calibration",), judged=True),
        ]
    learn = {
        "technique": "train.distill",
        "epochs": epochs,
        "augment": SHIFTS_AND_MIRRORS,
        "batch_norms": "restore",
    }
    half: list[dict[str, Any]] = [
        {"technique": "prune.channels", "criterion": "reconstruction", "keep_macs": 0.5},
        learn,
        stored,
    ]
    halving = Job(f"Lathe half the work, {epochs} epochs", half, ("train",), judged=True)
    return [
        Job("Lathe static int8", [{"technique": "quantize.static"}, stored], ("calibration",)),
        chosen,
        *(
            [halving, Job(coded, steps, ("calibration", "train"), judged=True)]
            if case.longer
            else []
        ),
    ]
