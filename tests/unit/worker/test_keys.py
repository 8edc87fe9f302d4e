from typing import Any

import pytest

from lathe.facts import Transform
from lathe.job import Data, JobSpec, Split
from lathe.task import Task
from lathe.techniques import AnyStep
from lathe.techniques.decompose import DecomposeSvd
from lathe.techniques.encode import EncodeEntropy
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.prune import (
    PruneBlocks,
    PruneChannels,
    PruneEmbeddings,
    PruneHeads,
    PruneNeurons,
    PruneSensing,
    PruneUnits,
)
from lathe.techniques.quantize import (
    Gptq,
    QuantizeAware,
    QuantizeChoose,
    QuantizeStatic,
    QuantizeWeights,
)
from lathe.techniques.rate import RateDistortion, ShareRateDistortion
from lathe.techniques.share import ShareDictionary, ShareKernels, ShareWeights
from lathe.techniques.train import Distill, Recover, Teacher
from worker.keys import Content, Ingredients, library_versions, reads

MODEL = "mdl_01k3aaaaaaaaaaaaaaaaaaaaaa"
TEACHER = "mdl_01k3bbbbbbbbbbbbbbbbbbbbbb"
TRAIN = "dat_01k3aaaaaaaaaaaaaaaaaaaaaa"
OTHER = "dat_01k3bbbbbbbbbbbbbbbbbbbbbb"

SPEC = JobSpec(
    model=MODEL,
    data=Data(
        train=Split(dataset=TRAIN, split="train", samples=7),
        calibration=Split(dataset=OTHER, split="train"),
        evaluation=Split(dataset=OTHER, split="test"),
    ),
    task=Task(kind="classification"),
    pipeline=(
        OptimizeGraph(id="clean"),
        Distill(id="teach", teachers=(Teacher(), Teacher(model=TEACHER))),
        QuantizeStatic(id="int8"),
    ),
    seed=3,
)
KITCHEN: dict[str, Any] = {
    "spec": SPEC,
    "device": "cpu",
    "models": {"baseline": "aa", TEACHER: "bb"},
    "datasets": {TRAIN: Content("cc", {"x": Transform(scale=0.5)}), OTHER: Content("dd", {})},
    "libraries": {"torch": "2.13.0"},
}


def key(position: int = 1, input_sha256: str = "ee", **changes: object) -> str:
    return Ingredients(**(KITCHEN | changes)).key(position, input_sha256)


def changed(**changes: object) -> JobSpec:
    return SPEC.model_copy(update=changes)


def with_step(position: int, step: object) -> JobSpec:
    pipeline = list(SPEC.pipeline)
    pipeline[position] = step  # type: ignore[call-overload] # the test's own steps
    return changed(pipeline=tuple(pipeline))


def test_the_same_ingredients_give_the_same_key_of_64_hex_digits() -> None:
    assert key() == key()
    assert len(key()) == 64
    assert set(key()) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "changes",
    [
        {"position": 2},
        {"input_sha256": "ef"},
        {"spec": with_step(1, Distill(id="teach", epochs=4))},
        {"spec": changed(seed=4)},
        {"spec": changed(task=Task(kind="classification", output="y"))},
        {"spec": changed(task=None)},
        {"device": "cuda"},
        {"models": {"baseline": "a1", TEACHER: "bb"}},
        {"models": {"baseline": "aa", TEACHER: "b1"}},
        {"datasets": KITCHEN["datasets"] | {TRAIN: Content("c1", {"x": Transform(scale=0.5)})}},
        {"datasets": KITCHEN["datasets"] | {TRAIN: Content("cc", {"x": Transform(scale=0.6)})}},
        {"libraries": {"torch": "2.13.1"}},
        {
            "spec": changed(
                data=Data(
                    train=Split(dataset=TRAIN, split="train", samples=8),
                    calibration=SPEC.data.calibration,
                    evaluation=SPEC.data.evaluation,
                )
            )
        },
    ],
)
def test_whatever_can_change_a_training_step_changes_its_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": changed(name="another name", constraints=(), outputs=SPEC.outputs)},
        {"spec": with_step(1, SPEC.pipeline[1].model_copy(update={"id": "renamed"}))},
        {"spec": with_step(2, QuantizeStatic(id="int8", format="qdq"))},
        {"datasets": KITCHEN["datasets"] | {OTHER: Content("d1", {})}},
    ],
)
def test_what_a_training_step_never_sees_leaves_its_key(changes: dict[str, Any]) -> None:
    assert key(**changes) == key()


def test_a_raised_revision_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(Distill, "revision", Distill.revision + 1)
    assert key() != before


def test_each_step_reads_only_the_data_it_learns_from() -> None:
    taylor = PruneChannels(criterion="taylor", keep_macs=0.5)
    plain = PruneChannels(criterion="l2", keep_macs=0.5)
    expected: list[tuple[AnyStep, list[str]]] = [
        (OptimizeGraph(), []),
        (plain, []),
        (taylor, ["train"]),
        (taylor.model_copy(update={"reestimate_norms": True}), ["train", "calibration"]),
        (PruneNeurons(max_apoz=0.9), ["train", "calibration"]),
        (PruneSensing(error=0.1), ["train", "calibration"]),
        (PruneHeads(keep_heads=0.5), []),
        (PruneHeads(keep_heads=0.5, criterion="gradient"), ["train"]),
        (PruneUnits(keep_units=0.5, criterion="output"), ["train", "calibration"]),
        (PruneEmbeddings(keep_width=0.5, criterion="gradient"), ["train"]),
        (PruneBlocks(remove=1), ["train", "calibration"]),
        (Recover(), ["train"]),
        (QuantizeStatic(), ["calibration"]),
        (QuantizeAware(), ["train", "calibration"]),
        (QuantizeWeights(), []),
        (QuantizeWeights(rounding=Gptq()), ["train", "calibration"]),
        (EncodeEntropy(), []),
        (PruneChannels(keep_macs=0.5, recover=Distill()), ["train"]),
        (RateDistortion(), ["train"]),
        (ShareRateDistortion(), ["train", "calibration"]),  # whatever is given
        (ShareWeights(), ["train", "calibration"]),
        (ShareDictionary(), []),
        (ShareKernels(), []),
        (QuantizeChoose(), ["train", "calibration"]),
        (DecomposeSvd(), []),
        (DecomposeSvd(whiten=True), ["train", "calibration"]),
    ]
    for step, purposes in expected:
        assert [purpose for purpose, _ in reads(SPEC, step)] == purposes


def test_the_teachers_of_a_training_inside_a_step_are_in_its_key() -> None:
    inside = Distill(teachers=(Teacher(model=TEACHER),))
    spec = with_step(1, PruneChannels(keep_macs=0.5, recover=inside))
    other = key(spec=spec, models={"baseline": "aa", TEACHER: "b1"})
    assert key(spec=spec) != other


def test_a_student_is_in_the_key_of_the_step_that_teaches_it() -> None:
    spec = with_step(0, Distill(student=TEACHER))
    other = key(0, spec=spec, models={"baseline": "aa", TEACHER: "b1"})
    assert key(0, spec=spec) != other


def test_versions_are_told_without_loading_the_libraries() -> None:
    versions = library_versions()
    assert versions["torch"].startswith("2.")
    assert set(versions) >= {"lathe", "torch", "onnxruntime", "onnx", "numpy", "torch-pruning"}
