"""One picture: what its header says, and its pixels in the form that all are to have.

Pixels are taken as they are stored: a rotation that a camera noted beside them is not applied,
just as training libraries do not.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lathe.errors import NotADataset
from worker.engine.intake.formats.window import window
from worker.engine.onnx_file.place import Place

MOST_PIXELS = 1 << 26
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
GREY_MODES = {"1", "L"}
# what decoders raise for broken bytes; PNG's raises SyntaxError
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError, KeyError, IndexError,
    AttributeError, OverflowError, ZeroDivisionError,
)  # fmt: skip

Image.MAX_IMAGE_PIXELS = None  # it warns or raises by its own count; ours is checked below


@dataclass(frozen=True, slots=True)
class Header:
    """Height and width, and whether there is no colour."""

    size: tuple[int, int]
    grey: bool


@dataclass(frozen=True, slots=True)
class Form:
    """Height and width, channels, how a picture gets that size, and whether channels are the
    last axis."""

    size: tuple[int, int]
    channels: Literal[1, 3]
    fit: Literal["stretch", "crop"]
    last: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture's array."""
        height, width = self.size
        return (height, width, self.channels) if self.last else (self.channels, height, width)


def header(name: str, place: Place) -> Header:
    """Read without decoding; raises NotADataset with the file's name."""
    with _opened(name, place) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise NotADataset(
                f"the picture {name!r} has {width} x {height} pixels; make it smaller"
            )
        return Header((height, width), picture.mode in GREY_MODES)


def pixels(name: str, place: Place, form: Form) -> NDArray[np.uint8]:
    """Decode, bring to `form`; uint8. Raises NotADataset with the file's name."""
    with _opened(name, place) as picture:
        height, width = form.size
        plain = picture.convert("L" if form.channels == 1 else "RGB")
        if plain.size != (width, height):
            plain = _resized(plain, (width, height), form.fit)
        values = np.asarray(plain, np.uint8).reshape(height, width, form.channels)
    return values if form.last else np.moveaxis(values, -1, 0)


@contextmanager
def _opened(name: str, place: Place) -> Iterator[Image.Image]:
    try:
        with window(place) as file, Image.open(file, formats=FORMATS) as picture:
            yield picture
    except _BROKEN as error:
        raise NotADataset(
            f"the picture {name!r} cannot be read ({_why(error)}); replace it or take it out"
        ) from error


def _why(error: Exception) -> str:
    """Pillow names the file object, which says nothing to the reader."""
    said = str(error).partition(" <")[0] or type(error).__name__
    return "it is in no known format" if "cannot identify" in said else said


def _resized(
    picture: Image.Image, size: tuple[int, int], fit: Literal["stretch", "crop"]
) -> Image.Image:
    if fit == "crop":
        return ImageOps.fit(picture, size, Image.Resampling.BILINEAR)
    return picture.resize(size, Image.Resampling.BILINEAR)
