import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lathe.errors import InvalidSpec, NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake, picture, tarred, zipped
from worker.engine.intake.formats import picture as decoding

RED, BLUE = (250, 10, 0), (0, 20, 240)


def _pets() -> dict[str, bytes]:
    return {
        "pets/train/dog/1.png": picture(RED),
        "pets/train/cat/2.png": picture(BLUE),
        "pets/train/cat/10.png": picture(RED),
        "pets/test/dog/3.png": picture(BLUE),
        "pets/README.md": b"Photos of pets",
        "__MACOSX/pets/._1.png": b"rubbish",
    }


@pytest.mark.parametrize("pack", ["zip", "stored zip", "tar", "tar.gz"])
def test_folders_are_splits_and_classes(pack: str, intake: Intake) -> None:
    members = _pets()
    data = (
        zipped(members, stored=pack == "stored zip")
        if "zip" in pack
        else tarred(members, "w:gz" if pack == "tar.gz" else "w")
    )
    facts, arrays = intake(data)
    assert (facts.format, facts.classes) == ("pictures", ("cat", "dog"))
    assert {name: a.shape for name, a in arrays.items()} == {
        "train/image": (3, 3, 3, 4),
        "train/label": (3,),
        "test/image": (1, 3, 3, 4),
        "test/label": (1,),
    }
    assert arrays["train/image"].dtype == np.uint8
    by_file = dict(zip(["cat/2", "cat/10", "dog/1"], arrays["train/image"], strict=True))
    assert by_file["cat/2"][:, 0, 0].tolist() == [*BLUE]
    assert by_file["cat/10"][:, 2, 3].tolist() == [*RED]
    assert arrays["train/label"].tolist() == [0, 0, 1]
    assert arrays["test/label"].tolist() == [1]


def test_a_summary_counts_classes_and_names_the_first_files(intake: Intake) -> None:
    facts, _ = intake(zipped(_pets()))
    assert facts.summary is not None
    cat, dog = facts.summary.classes
    assert (cat.name, cat.examples) == ("cat", {"train": 2, "test": 0})
    assert (dog.name, dog.examples) == ("dog", {"train": 1, "test": 1})
    train = facts.summary.splits[0]
    assert [sample.source for sample in train.samples] == [
        "pets/train/cat/2.png", "pets/train/cat/10.png", "pets/train/dog/1.png",
    ]  # fmt: skip
    assert train.samples[2].values == {"image": (250.0,) * 8, "label": (1.0,)}
    image = train.fields[0]
    assert (image.name, image.minimum, image.maximum) == ("image", 0, 250)
    # two red pictures and one blue one, 12 pixels each of every channel
    assert image.mean == pytest.approx((2 * 260 + 260) / 9)


def test_the_order_of_the_classes_can_be_said(intake: Intake) -> None:
    facts, arrays = intake(zipped(_pets()), {"classes": ["dog", "cow", "cat"]})
    assert facts.classes == ("dog", "cow", "cat")
    assert arrays["train/label"].tolist() == [2, 2, 0]
    assert facts.summary is not None
    assert [each.examples["train"] for each in facts.summary.classes] == [1, 0, 2]


def test_grey_pictures_have_one_channel_and_one_coloured_one_makes_three(
    intake: Intake,
) -> None:
    _, grey = intake(zipped({"a/1.png": picture(7), "b/2.png": picture(9)}))
    assert grey["train/image"].shape == (2, 1, 3, 4)
    assert grey["train/image"][1].ravel().tolist() == [9] * 12
    _, mixed = intake(zipped({"a/1.png": picture(7), "b/2.png": picture(RED)}))
    assert mixed["train/image"][0, :, 0, 0].tolist() == [7, 7, 7]


def test_pictures_get_the_size_axes_and_name_that_are_said(intake: Intake) -> None:
    data = zipped({"a/1.png": picture(RED), "b/2.png": picture(BLUE, (8, 5))})
    said = {"input": "pixels", "size": [2, 6], "axes": "channels_last"}
    _, arrays = intake(data, {"split": "all", "pictures": said})
    assert arrays["all/pixels"].shape == (2, 2, 6, 3)
    assert arrays["all/pixels"][1, 1, 5].tolist() == [*BLUE]


def test_a_crop_keeps_the_middle_and_a_stretch_keeps_all(intake: Intake) -> None:
    held = io.BytesIO()
    stripes = np.zeros((2, 6), np.uint8)
    stripes[:, :2], stripes[:, 4:] = 100, 200  # 100 100 0 0 200 200
    Image.fromarray(stripes).save(held, "PNG")
    data = zipped({"a/1.png": held.getvalue()})
    said: dict[str, Any] = {"size": [2, 2], "fit": "crop"}
    _, cropped = intake(data, {"pictures": said})
    assert cropped["train/image"].ravel().tolist() == [0, 0, 0, 0]
    _, stretched = intake(data, {"pictures": said | {"fit": "stretch"}})
    assert stretched["train/image"][0, 0, 0, 0] > 50


def test_pictures_without_folders_have_no_labels(intake: Intake) -> None:
    facts, arrays = intake(zipped({"1.png": picture(3), "2.png": picture(4)}))
    assert list(arrays) == ["train/image"]
    assert facts.classes == ()


def _cut(data: bytes) -> bytes:
    return data[: len(data) - 26]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (_pets() | {"pets/train/cat/3.png": _cut(picture(RED))}, r"'pets/train/cat/3.png' can"),
        (_pets() | {"pets/train/cat/3.png": b"\x89PNG nothing"}, "cat/3.png.*no known format"),
        (_pets() | {"pets/train/cat/3.png": b""}, "cat/3.png.*no known format"),
        (_pets() | {"pets/train/cat/3.png": picture(RED, (5, 3))}, r"3 x 4 and .* is 3 x 5"),
        (_pets() | {"pets/cow/3.png": picture(RED)}, "'pets/cow/3.png' lies in no split"),
        (_pets() | {"pets/train/3.png": picture(RED)}, "'pets/train/3.png' lies in no class"),
        (_pets() | {"pets/train/x.npz": b""}, "of one kind"),
        (_pets() | {"pets/run.exe": b"MZ"}, "'pets/run.exe', which is no data"),
        ({"README.md": b"soon"}, "holds no data"),
        (
            {"a/1.png": picture(RED, (9000, 9000))},
            "9000 x 9000 pixels; make it smaller, up to 24",
        ),
        (
            {"a/1.png": picture(RED, (1, 65_536))},
            "1 x 65536 pixels; cut it, so that no side has more than 65535",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_pictures_is_said_with_the_file(
    members: dict[str, bytes], said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said):
        intake(zipped(members, stored=True))


@pytest.mark.parametrize(
    ("classes", "said"), [(["cat"], "class 'dog', which"), (["cat", "dog", "cat"], "twice")]
)
def test_named_classes_have_to_be_all(classes: list[str], said: str, intake: Intake) -> None:
    with pytest.raises(InvalidSpec, match=said) as refusal:
        intake(zipped(_pets()), {"classes": classes})
    assert refusal.value.param == "layout.classes"


def test_a_large_picture_is_taken_band_by_band_to_the_last_row(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = io.BytesIO()
    Image.fromarray(np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3)).save(held, "PNG")
    monkeypatch.setattr(decoding, "BAND_PIXELS", 11)  # two rows of five
    _, arrays = intake(
        zipped({"a/1.png": held.getvalue()}), {"pictures": {"axes": "channels_last"}}
    )
    assert arrays["train/image"][0].tolist() == np.arange(105).reshape(7, 5, 3).tolist()


def test_webp_has_a_limit_of_its_own(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    Image.new("RGB", (4, 3)).save(held, "WEBP")
    monkeypatch.setattr(decoding, "MOST_WEBP_PIXELS", 11)
    with pytest.raises(NotADataset, match=r"'a/1\.webp' has 4 x 3 pixels"):
        intake(zipped({"a/1.webp": held.getvalue()}))
    intake(zipped({"a/1.png": picture(RED)}))
