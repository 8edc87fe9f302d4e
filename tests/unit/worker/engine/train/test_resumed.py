"""A training that was killed after an epoch ends as it would have ended."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from pydantic import TypeAdapter

from lathe.techniques import AnyStep, PipelineStep
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait, save
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.train.state import State, Trainings, read, write

STEP: TypeAdapter[AnyStep] = TypeAdapter(PipelineStep)
USUAL = {"batch_size": 16, "epochs": 4}
TRAINED: dict[str, dict[str, Any]] = {
    "momentum": {"technique": "train.recover", "optimizer": {"kind": "sgd", "lr": 0.02}},
    "adam and patience": {
        "technique": "train.recover",
        "optimizer": {"kind": "adam", "lr": 0.05},
        "early_stopping": {"patience": 2},
        "epochs": 8,
    },
    "teacher": {"technique": "train.distill", "optimizer": {"kind": "adamw", "lr": 0.01}},
    "rising mask": {"technique": "prune.weights", "sparsity": 0.6, "update_every": 7},
    "codebook": {"technique": "share.weights", "bits": 2},
    "rate": {
        "technique": "train.rate_distortion",
        "rate": 1e-4,
        "initial_step": 0.5,
        "settle_epochs": 2,
        "step_share": 0.6,
        "drop_dead": False,
    },
    "rounds": {
        "technique": "share.rate_distortion",
        "assignment": "rounds",
        "rounds": 3,
        "epochs": 2,
        "optimizer": {"kind": "adam", "lr": 0.03},
    },
    "regularize": {
        "technique": "train.regularize",
        "strength": 2,
        "optimizer": {"kind": "adam"},
    },
    "learned steps": {
        "technique": "quantize.aware",
        "bits": 2,
        "optimizer": {"kind": "adam", "lr": 0.02},
    },
    "slimming": {
        "technique": "prune.channels",
        "keep_parameters": 0.9,
        "rounds": 2,
        "recover": {"technique": "train.recover", "epochs": 2, "batch_size": 16},
    },
}


class KilledError(Exception):
    """Stands in for a child's death."""


def step_of(name: str) -> AnyStep:
    said = TRAINED[name]
    return STEP.validate_python(said if "recover" in said else USUAL | said)


def killed_after(
    files: int, checkpoint: Checkpoint, step: AnyStep, context: Context
) -> Path | None:
    """The last file of an attempt that died when it had written so many; None where it came
    to its end before."""
    written: list[Path] = []

    def tell(path: Path, _: int) -> None:
        written.append(path)
        if len(written) == files:
            raise KilledError

    folder = context.folder / str(files)
    folder.mkdir()
    trainings = Trainings(None, folder, tell, every_s=0, clock=lambda: 0.0)
    try:
        apply(checkpoint, step, replace(context, trainings=trainings))
    except KilledError:
        return written[-1]
    return None


def content(outcome: Outcome, path: Path) -> bytes:
    save(outcome.checkpoint, path)
    saved = path.read_bytes()
    path.unlink()
    return saved


@pytest.mark.parametrize("name", TRAINED)
def test_it_ends_with_the_same_model_wherever_it_was_killed(
    name: str, every_layer: Callable[..., onnx.ModelProto], learning: Context, tmp_path: Path
) -> None:
    step, before = step_of(name), Checkpoint(every_layer())
    learning = replace(learning, calibration=learning.train)
    if name == "codebook":
        before = replace(before, traits={"m": Trait(sparse=True)})
    whole = apply(before, step, learning)
    expected = content(whole, tmp_path / "whole")
    resumed = 0
    for files in range(1, 20, 3):
        found = killed_after(files, before, step, learning)
        if found is None:
            break
        again = apply(before, step, replace(learning, trainings=Trainings(found=found)))
        assert content(again, tmp_path / "again") == expected
        assert again.curve == whole.curve
        resumed += 1
    assert resumed >= 1


def test_the_report_says_behind_which_epoch_it_went_on(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    step, before = step_of("momentum"), Checkpoint(every_layer())
    assert apply(before, step, learning).facts["resumed_after_epoch"] is None
    found = killed_after(3, before, step, learning)
    again = apply(before, step, replace(learning, trainings=Trainings(found=found)))
    assert again.facts["resumed_after_epoch"] == 3
    assert again.facts["epochs_run"] == 4


def test_a_state_of_another_model_or_format_is_not_gone_on_from(
    every_layer: Callable[..., onnx.ModelProto], learning: Context, tmp_path: Path
) -> None:
    step, before = step_of("momentum"), Checkpoint(every_layer())
    found = killed_after(2, before, step, learning)
    assert found is not None
    (state,) = read(found)
    less = dict(list(state.parts["module"].items())[1:])
    write([replace(state, parts=state.parts | {"module": less})], tmp_path / "less")
    older = found.read_bytes().replace(b'\\"format\\": 1', b'\\"format\\": 0')
    assert older != found.read_bytes()
    (tmp_path / "older").write_bytes(older)
    for name in ("less", "older"):
        trainings = Trainings(found=tmp_path / name)
        again = apply(before, step, replace(learning, trainings=trainings))
        assert again.facts["resumed_after_epoch"] is None
        assert again.facts["epochs_run"] == 4


def test_files_are_as_far_apart_as_asked_and_cost_a_twentieth_of_the_time(
    tmp_path: Path,
) -> None:
    now_s = [0.0]
    told: list[int] = []

    def tell(_: Path, epoch: int) -> None:
        told.append(epoch)
        now_s[0] += 7  # as long as it takes to write

    trainings = Trainings(None, tmp_path, tell, every_s=60, clock=lambda: now_s[0])
    trainings.begin()
    for epoch in range(1, 40):
        now_s[0] += 10
        trainings.offer(lambda epoch=epoch: State({}, {"epoch": epoch}))  # type: ignore[misc]
    # the first after 60 s; 7 s of writing ask for 140 s of work, which are 14 epochs
    assert told == [6, 20, 34]


def test_nothing_is_written_that_nobody_hears_of(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    apply(Checkpoint(every_layer()), step_of("momentum"), learning)
    assert not list(learning.folder.glob("training-*"))
