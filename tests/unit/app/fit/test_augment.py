"""An augmentation of something that is no image is refused before the job is queued."""

from typing import Any

from app.fit.augment import augment_refusals
from lathe import ids
from lathe.facts import IoSpec
from lathe.job import JobSpec

DATA = {"dataset": ids.new("dat"), "split": "s"}
SHIFT = {"shift_pixels": 2}


def io(**inputs: tuple[str, list[Any]]) -> IoSpec:
    doors = [{"name": n, "dtype": dtype, "shape": s} for n, (dtype, s) in inputs.items()]
    return IoSpec.model_validate({"inputs": doors, "outputs": []})


IMAGE, TOKENS = ("float32", ["n", 3, 8, 6]), ("int64", ["n", 20])


def refused(doors: IoSpec, *pipeline: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    body = {"model": ids.new("mdl"), "data": {"train": DATA}, "pipeline": pipeline} | more
    found = augment_refusals(JobSpec.model_validate(body), doors)
    return [(str(refusal.param), str(refusal)) for refusal in found]


def recover(**augment: Any) -> dict[str, Any]:
    return {"technique": "train.recover", "augment": SHIFT | augment}


def test_images_are_found_without_a_name_and_by_their_name() -> None:
    assert not refused(io(x=IMAGE, words=TOKENS), recover())
    assert not refused(io(x=IMAGE, words=TOKENS), recover(inputs=["x"]))
    assert not refused(io(words=TOKENS), {"technique": "train.recover"})


def test_a_model_without_images_is_told_what_it_takes() -> None:
    [(param, why)] = refused(io(words=TOKENS, mask=("float32", ["n", 20])), recover())
    assert param == "pipeline.0.augment"
    assert "takes 'words', 'mask'" in why


def test_an_input_that_is_no_image_is_named_by_its_field() -> None:
    doors = io(x=IMAGE, words=TOKENS, bytes=("uint8", ["n", 3, 8, 6]))
    found = refused(doors, recover(inputs=["x", "words", "bytes", "y"]))
    assert [param for param, _ in found] == [
        f"pipeline.0.augment.inputs.{place}" for place in (1, 2, 3)
    ]
    assert "'words' is int64 nx20" in found[0][1]
    assert "no input 'y'" in found[2][1]


def test_a_training_inside_a_step_is_looked_at_too() -> None:
    prune = {"technique": "prune.channels", "keep_macs": 0.5, "recover": recover()}
    [(param, _)] = refused(io(words=TOKENS), prune)
    assert param == "pipeline.0.recover.augment"


def test_what_trains_nothing_changes_nothing() -> None:
    share = {"technique": "share.rate_distortion", "augment": SHIFT}
    assert not refused(io(words=TOKENS), share, data={})
    assert refused(io(words=TOKENS), share)
