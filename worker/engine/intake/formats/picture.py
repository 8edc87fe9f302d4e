"""One picture: what its header says, and its pixels in the form that all are to have.

Pixels are taken as they are stored: a rotation that a camera noted beside them is not applied,
just as training libraries do not.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lathe.errors import NotADataset
from lathe.layout import PictureLayout

MOST_PIXELS = 24_000_000  # 96 MB as Pillow holds them, of which two are needed at once
MOST_WEBP_PIXELS = 12_000_000  # its decoder holds three more
MOST_SIDE = 65_535  # a JPEG's; making millions of rows into few takes a table of their weights
BAND_PIXELS = 1 << 20
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


@dataclass(slots=True)
class Sizes:
    """Headers that pass by, and what they come to: one form for all."""

    layout: PictureLayout
    size: tuple[int, int] | None = None
    first: str = ""
    grey: bool = True

    def take(self, name: str, told: Header) -> None:
        """Raises NotADataset for a size that differs where none is asked for."""
        self.grey = self.grey and told.grey
        if self.layout.size is None and self.size not in {None, told.size}:
            raise NotADataset(
                f"the picture {self.first!r} is {_by(self.size)} and {name!r} is "
                f"{_by(told.size)}; say the size for all, such as "
                'layout={"pictures": {"size": [224, 224]}}'
            )
        self.size, self.first = self.size or told.size, self.first or name

    @property
    def form(self) -> "Form":
        """Of all that passed."""
        size = self.layout.size or self.size
        if size is None:
            raise NotADataset("there is no picture; upload some")
        channels = self.layout.channels or (1 if self.grey else 3)
        last = self.layout.axes == "channels_last"
        return Form(size, channels, self.layout.fit, last=last)


def _by(size: tuple[int, int] | None) -> str:
    return "unknown" if size is None else f"{size[0]} x {size[1]}"


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


def header(name: str, file: BinaryIO) -> Header:
    """Read without decoding; raises NotADataset with the picture's name."""
    with _opened(name, file) as picture:
        width, height = picture.size
        most = MOST_WEBP_PIXELS if picture.format == "WEBP" else MOST_PIXELS
        if width * height > most:
            raise NotADataset(
                f"the picture {name!r} has {width} x {height} pixels; make it smaller, up to "
                f"{most // 1_000_000} million"
            )
        if max(width, height) > MOST_SIDE:
            raise NotADataset(
                f"the picture {name!r} has {width} x {height} pixels; cut it, so that no side "
                f"has more than {MOST_SIDE}"
            )
        return Header((height, width), picture.mode in GREY_MODES)


def pixels(name: str, file: BinaryIO, form: Form) -> NDArray[np.uint8]:
    """Decode, bring to `form`; uint8. Raises NotADataset with the picture's name."""
    with _opened(name, file) as picture:
        height, width = form.size
        mode = "L" if form.channels == 1 else "RGB"
        plain = picture if picture.mode == mode else picture.convert(mode)
        if plain is not picture:
            picture.close()  # it is as large, and not needed any more
        if plain.size != (width, height):
            plain = _resized(plain, (width, height), form.fit)
        values = _values(plain, form.channels)
    return values if form.last else np.moveaxis(values, -1, 0)


def _values(plain: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Its pixels, (height, width, channels); Pillow hands them out by way of two copies, so a
    band at a time."""
    width, height = plain.size
    values = np.empty((height, width, channels), np.uint8)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = plain.crop((0, top, width, min(height, top + rows)))
        values[top : top + rows] = np.asarray(band).reshape(-1, width, channels)
    return values


@contextmanager
def _opened(name: str, file: BinaryIO) -> Iterator[Image.Image]:
    try:
        with file, Image.open(file, formats=FORMATS) as picture:
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
