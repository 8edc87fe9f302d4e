"""The example inputs of a .pt2 program: a pickle that Lathe has no use for and never opens.

Whoever opens the file with torch does open it: torch.export.load refuses what is not plain
tensors once, and then loads it all the same. So what the pickles would call is read from their
opcodes, and a file that is a trap for others is not taken. Allowed is what torch.load allows
with `weights_only`; what is written as no program of torch writes it is not.
"""

import pickletools
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO

from torch._weights_only_unpickler import _get_allowed_globals

from lathe.errors import UnsupportedModel
from worker.engine.intake.formats.window import window
from worker.engine.intake.zip_archive import DAMAGE
from worker.engine.onnx_file.place import Place

MOST_BYTES = 16 << 20  # of a pickle whose tensors lie beside it
PICKLE = "data.pkl"
ZIP = b"PK\x03\x04"  # by its first bytes torch tells a zip from a bare pickle
BARE = 5  # pickles in a file without a zip: three of the format, the value, names of tensors
SET = "__builtin__.set"  # its name before protocol 3
TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
GET = {"GET", "BINGET", "LONG_BINGET"}
UNKNOWN = "a name that is put together"


def check_examples(files: Mapping[str, Place], name: str) -> None:
    """Raise UnsupportedModel where the member `name`, if it is there, is more than tensors."""
    if name not in files:
        return
    allowed = {*_get_allowed_globals(), SET}
    with window(files[name]) as file:
        for pickle in _pickles(file):
            for asked in _asked(pickle):
                if asked not in allowed:
                    raise UnsupportedModel(
                        f"the example inputs of the .pt2 program would run {asked[:100]!r} "
                        "when they are opened; save it again with tensors alone as examples"
                    )


def _pickles(file: BinaryIO) -> Iterator[BinaryIO]:
    """Those of a file of torch.save, in its zip or bare as older releases wrote it."""
    begin = file.read(len(ZIP))
    file.seek(0)
    if begin == ZIP:
        try:
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if PurePosixPath(info.filename).name == PICKLE:
                        with archive.open(info) as member:
                            yield BytesIO(member.read(MOST_BYTES))
        except DAMAGE:
            return
        return
    bare = BytesIO(file.read(MOST_BYTES))
    if tarfile.is_tarfile(bare):
        raise UnsupportedModel(
            "the example inputs of the .pt2 program are a tar, which torch has not written for "
            "years; save it again"
        )
    bare.seek(0)
    for _ in range(BARE):
        yield bare


def _asked(pickle: BinaryIO) -> Iterator[str]:
    """What opening would import, as `module.name`, from all opcodes up to damaged ones.

    Protocol 4 takes both names from the stack. They count where nothing comes between them and
    the opcode but memos, as pickle writes it: what else would stand there could hide them.
    """
    texts, memo = list[str](), dict[int, str]()
    try:
        for code, argument, _ in pickletools.genops(pickle):
            if code.name in TEXT:
                texts.append(str(argument))
            elif code.name == "MEMOIZE":
                memo[len(memo)] = texts[-1] if texts else UNKNOWN
            elif code.name in PUT:
                memo[int(argument)] = texts[-1] if texts else UNKNOWN  # type: ignore[arg-type] # a number, of these
            elif code.name in GET:
                texts.append(memo.get(int(argument), UNKNOWN))  # type: ignore[arg-type]
            elif code.name != "FRAME":
                yield from _imported(code.name, argument, texts)
                texts = []
    except ValueError:  # nobody could open it any further
        return


def _imported(code: str, argument: object, texts: list[str]) -> Iterator[str]:
    if code in {"GLOBAL", "INST"}:
        yield str(argument).replace(" ", ".")
    elif code == "STACK_GLOBAL":
        yield ".".join(texts[-2:]) if len(texts) > 1 else UNKNOWN
    elif code.startswith("EXT"):
        yield f"extension {argument}"
