"""What networks are called with."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lathe.errors import UnsupportedModel
from worker.engine.intake.hugging_face.doors import ImageDoors, TextDoors, doors


def test_a_text_network_reads_tokens_and_their_mask() -> None:
    found = doors(SimpleNamespace(model_type="bert", vocab_size=5, type_vocab_size=1), {})
    assert found == TextDoors(words=5, kinds=1)
    assert found.axes == {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "sequence"},
    }
    first, second = found.values(0), found.values(1)
    assert (first["input_ids"].shape, second["input_ids"].shape) == ((2, 7), (3, 11))
    assert second["input_ids"].min() >= 0
    assert second["input_ids"].max() < 5
    assert second["attention_mask"].sum(1).tolist() == [9, 11, 11]


def test_a_network_of_two_texts_is_told_them_apart() -> None:
    found = doors(SimpleNamespace(model_type="bert", vocab_size=5, type_vocab_size=2), {})
    assert found.values(0)["token_type_ids"].unique().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("size", "images", "sides"),
    [
        (8, {"size": 9}, (8, 8)),
        ([6, 8], {}, (6, 8)),
        (None, {"crop_size": {"height": 6, "width": 8}, "size": 9}, (6, 8)),
        (None, {"size": {"shortest_edge": 9}}, (9, 9)),
        (None, {"size": 4096}, (4096, 4096)),
    ],
)
def test_an_image_is_as_large_as_the_config_or_the_image_processor_says(
    size: Any, images: dict[str, Any], sides: tuple[int, int]
) -> None:
    found = doors(SimpleNamespace(model_type="vit", image_size=size, num_channels=2), images)
    assert found == ImageDoors(2, *sides)
    assert found.axes == {"pixel_values": {0: "batch"}}


def test_pixels_are_drawn_anew_for_every_trial() -> None:
    found = ImageDoors(2, 6, 8)
    assert found.values(0)["pixel_values"].shape == (2, 2, 6, 8)
    pixels = found.values(1)["pixel_values"]
    assert pixels.shape == (3, 2, 6, 8)
    assert not torch.equal(pixels[:2], found.values(0)["pixel_values"])


@pytest.mark.parametrize("size", [None, 0, 4097, "8", [8], [8, 0], {"width": 8}, 8.0])
def test_an_image_of_no_size_or_of_an_absurd_one_is_refused(size: Any) -> None:
    config = SimpleNamespace(model_type="vit", image_size=size, num_channels=2)
    with pytest.raises(UnsupportedModel, match=r"neither config.json \(image_size\) nor"):
        doors(config, {"size": size})
