"""Pictures, whose decoders are Pillow's; the checksums of a PNG are put right."""

import io
import zlib
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.formats.picture", "PIL"]):
    from PIL import Image

    from worker.engine.intake.formats.picture import FORMATS, MOST_PIXELS, Form, header, pixels

from tests.fuzz.target import Target

_FORMS = (
    Form((4, 4), 3, "stretch", last=False),
    Form((4, 4), 1, "crop", last=True),
    Form((1, 300), 3, "crop", last=False),
)
_PNG, _CHUNK = b"\x89PNG\r\n\x1a\n", 8


def _one(data: bytes) -> None:
    file = _summed(data[1:])
    told = header("a.png", io.BytesIO(file))
    height, width = told.size
    assert 0 < height * width <= MOST_PIXELS
    form = _FORMS[data[0] % len(_FORMS)]
    assert pixels("a.png", io.BytesIO(file), form).shape == form.shape


def _summed(file: bytes) -> bytes:
    """With right checksums where it is a PNG."""
    if not file.startswith(_PNG):
        return file
    right, at = bytearray(file), len(_PNG)
    while at + _CHUNK + 4 <= len(right):
        end = at + _CHUNK + int.from_bytes(right[at : at + 4])
        if end + 4 > len(right):
            break
        right[end : end + 4] = zlib.crc32(right[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(right)


def _seeds() -> Iterator[bytes]:
    for number, (form, modes) in enumerate(
        {
            "PNG": ("1", "L", "P", "RGB", "RGBA", "I;16", "LA"),
            "JPEG": ("L", "RGB", "CMYK"),
            "BMP": ("1", "L", "P", "RGB"),
            "GIF": ("L", "P"),
            "WEBP": ("RGB", "RGBA"),
            "TIFF": ("1", "L", "RGB", "CMYK", "F", "I;16"),
            "PPM": ("1", "L", "RGB"),
        }.items()
    ):
        assert form in FORMATS
        for mode in modes:
            picture = Image.new(mode, (5, 3))
            for options in _options(form):
                with io.BytesIO() as file:
                    picture.save(file, form, **options)
                    yield bytes([number]) + file.getvalue()
    frames = [Image.new("P", (3, 2), colour) for colour in (1, 2)]
    with io.BytesIO() as file:
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=0)
        yield b"\0" + file.getvalue()


def _options(form: str) -> tuple[dict[str, object], ...]:
    match form:
        case "JPEG":
            return {}, {"progressive": True}
        case "TIFF":
            return {}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}
        case "WEBP":
            return {}, {"lossless": True}
        case _:
            return ({},)


TARGET = Target(
    "pictures",
    _one,
    _seeds,
    words=(
        b"IHDR", b"IDAT", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"GIF89a",
        b"\xff\xd8\xff", b"\xff\xc0", b"\xff\xc4", b"\xff\xda", b"RIFF", b"VP8L", b"VP8X",
        b"ANMF",
        b"II*\x00", b"MM\x00*", b"P6 ", b"BM", b"\xff\xff\xff\x7f",
    ),
    longest=1024,
)  # fmt: skip
