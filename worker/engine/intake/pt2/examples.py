"""The example inputs of a .pt2 program: a pickle that Lathe has no use for and never opens.

Whoever opens the file with torch does open it: torch.export.load refuses what is not plain
tensors once, and then loads it all the same. So what the pickle would call is read from its
opcodes, and a file that is a trap for others is not taken.
"""

import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from lathe.errors import UnsupportedModel
from worker.engine.intake.formats.window import window
from worker.engine.intake.zip_archive import DAMAGE
from worker.engine.onnx_file.place import Place

MOST_BYTES = 16 << 20  # of a pickle whose tensors lie beside it
PICKLE = "data.pkl"
PLAIN = {"collections.OrderedDict", "builtins.set", "__builtin__.set"}
TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
GET = {"GET", "BINGET", "LONG_BINGET"}


def check_examples(files: Mapping[str, Place], name: str) -> None:
    """Raise UnsupportedModel where the member `name`, if it is there, is more than tensors."""
    if name not in files:
        return
    for asked in _asked(_pickle(files[name])):
        if asked not in PLAIN and not asked.startswith("torch."):
            raise UnsupportedModel(
                f"the example inputs of the .pt2 program would run {asked[:100]!r} when they "
                "are opened; save it again with tensors alone as examples"
            )


def _pickle(place: Place) -> bytes:
    """The pickle of a file of torch.save, in its zip or bare as older releases wrote it."""
    with window(place) as file:
        try:
            return _zipped(file)
        except DAMAGE:
            file.seek(0)
            return file.read(MOST_BYTES)


def _zipped(file: BinaryIO) -> bytes:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if PurePosixPath(info.filename).name == PICKLE:
                with archive.open(info) as member:
                    return member.read(MOST_BYTES)
    return b""


def _asked(pickle: bytes) -> Iterator[str]:
    """What opening would import, as `module.name`, from all opcodes up to damaged ones.

    Protocol 4 takes both names from the stack: there the last two texts are meant, those that
    a memo gives back included.
    """
    texts, memo = [""], dict[int, str]()
    try:
        for code, argument, _ in pickletools.genops(pickle):
            if code.name in TEXT:
                texts.append(str(argument))
            elif code.name == "MEMOIZE":
                memo[len(memo)] = texts[-1]
            elif code.name in PUT:
                memo[int(argument)] = texts[-1]  # type: ignore[arg-type] # a number, of these
            elif code.name in GET:
                texts.append(memo.get(int(argument), ""))  # type: ignore[arg-type]
            elif code.name in {"GLOBAL", "INST"}:
                yield str(argument).replace(" ", ".")
            elif code.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            elif code.name.startswith("EXT"):
                yield f"extension {argument}"
    except ValueError:  # nobody could open it any further
        return
