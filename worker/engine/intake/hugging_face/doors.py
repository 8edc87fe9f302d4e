"""What a network of each kind is called with: names, free axes and random values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lathe.errors import UnsupportedModel
from worker.engine.intake.hugging_face.config import IMAGES

BATCH, TOKENS = "batch", "sequence"
MOST_PIXELS = 4096  # of one side
LENGTHS = (7, 11)  # of the example, and of the inputs that the answers are compared on
BATCHES = (2, 3)


@dataclass(frozen=True, slots=True)
class TextDoors:
    """input_ids, attention_mask and, where the network tells two texts apart, token_type_ids:
    (batch, sequence), int64."""

    words: int
    kinds: int

    @property
    def axes(self) -> dict[str, dict[int, str]]:
        """The free axes of every input."""
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self.kinds > 1 else [])]
        return {name: {0: BATCH, 1: TOKENS} for name in names}

    def values(self, trial: int) -> dict[str, torch.Tensor]:
        """Random tokens; the first text ends two tokens early."""
        draw = torch.Generator().manual_seed(trial)
        size = (BATCHES[trial], LENGTHS[trial])
        mask = torch.ones(size, dtype=torch.int64)
        mask[0, -2:] = 0
        tokens = torch.randint(self.words, size, generator=draw)
        kinds = torch.randint(self.kinds, size, generator=draw)
        every = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": kinds}
        return {name: every[name] for name in self.axes}


@dataclass(frozen=True, slots=True)
class ImageDoors:
    """pixel_values: (batch, channels, height, width), float32; only the batch is free."""

    channels: int
    height: int
    width: int

    @property
    def axes(self) -> dict[str, dict[int, str]]:
        """The free axes of every input."""
        return {"pixel_values": {0: BATCH}}

    def values(self, trial: int) -> dict[str, torch.Tensor]:
        """Pixels of mean 0 and variance 1, as image processors give them."""
        draw = torch.Generator().manual_seed(trial)
        size = (BATCHES[trial], self.channels, self.height, self.width)
        return {"pixel_values": torch.randn(size, generator=draw)}


Doors = TextDoors | ImageDoors


def doors(config: Any, images: Mapping[str, Any]) -> Doors:
    """The doors of a network with this config of transformers; `images` is what the folder's
    preprocessor_config.json says.

    Raises UnsupportedModel where nothing says how large an image is.
    """
    if config.model_type not in IMAGES:
        return TextDoors(config.vocab_size, max(1, getattr(config, "type_vocab_size", 0) or 0))
    said = [getattr(config, "image_size", None), images.get("crop_size"), images.get("size")]
    for one in said:
        sides = _sides(one)
        if sides is not None:
            return ImageDoors(config.num_channels, *sides)
    raise UnsupportedModel(
        "neither config.json (image_size) nor preprocessor_config.json (crop_size, size) says "
        f"how large an image is, up to {MOST_PIXELS} pixels a side; add one of them"
    )


def _sides(said: object) -> tuple[int, int] | None:
    """Height and width; None where `said` does not give them."""
    match said:
        case {"height": int(height), "width": int(width)} | [int(height), int(width)]:
            sides = height, width
        case {"shortest_edge": int(side)} | int(side):
            sides = side, side
        case _:
            return None
    return sides if min(sides) > 0 and max(sides) <= MOST_PIXELS else None
