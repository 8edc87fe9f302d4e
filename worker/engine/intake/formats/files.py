"""The files of an archive of data: which kind each is, and which split it belongs to."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Literal

from lathe.errors import NotADataset
from worker.engine.onnx_file.place import Place

Group = Literal["pictures", "csv", "parquet", "npz", "safetensors"]

SUFFIXES: dict[str, Group] = {
    ".png": "pictures", ".jpg": "pictures", ".jpeg": "pictures", ".bmp": "pictures",
    ".gif": "pictures", ".webp": "pictures", ".tif": "pictures", ".tiff": "pictures",
    ".ppm": "pictures", ".pgm": "pictures",
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".npz": "npz", ".safetensors": "safetensors",
}  # fmt: skip
TOKENIZER = "tokenizer.json"
SPLITS = (
    "train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval",
    "evaluation",
)  # fmt: skip
_JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_PAPERS = {"", ".txt", ".md", ".json", ".yaml", ".yml", ".html", ".xml", ".pdf", ".lock"}
_SPLIT_IN_NAME = re.compile(rf"({'|'.join(SPLITS)})(?:[^A-Za-z].*)?", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")

HOLDS = (
    "an archive of data holds arrays (.npy, .npz or .safetensors), pictures in a folder a "
    "class, .csv or .parquet tables"
)


def sorted_out(members: Mapping[str, Place]) -> tuple[Group, dict[str, Place], Place | None]:
    """The kind of data in an archive, its files in natural order, and the tokenizer.json.

    Hidden files, and papers such as README.md, are left out. Raises NotADataset for files of
    two kinds, of an unknown one, or of none.
    """
    groups: dict[Group, dict[str, Place]] = {}
    tokenizers = [name for name in members if PurePosixPath(name).name == TOKENIZER]
    if len(tokenizers) > 1:
        raise NotADataset(
            f"the archive holds {tokenizers[0]!r} and {tokenizers[1]!r}; keep one tokenizer"
        )
    for name in sorted(members, key=natural):
        path = PurePosixPath(name)
        if any(part.startswith(".") or part in _JUNK for part in path.parts):
            continue
        group = SUFFIXES.get(path.suffix.lower())
        if group is not None:
            groups.setdefault(group, {})[name] = members[name]
        elif path.suffix.lower() not in _PAPERS:
            raise NotADataset(f"the archive holds {name!r}, which is no data; {HOLDS}")
    if len(groups) > 1:
        first, second = (next(iter(files)) for files in list(groups.values())[:2])
        raise NotADataset(
            f"the archive holds {first!r} and {second!r}; upload data of one kind at a time"
        )
    for group, files in groups.items():
        tokenizer = members[tokenizers[0]] if tokenizers else None
        return group, files, tokenizer
    raise NotADataset(f"the archive holds no data; {HOLDS}")


def by_split(names: Iterable[str]) -> dict[str | None, list[str]]:
    """File names by split: that of the topmost folder, or of how the file's name begins.

    Where nothing says one, all are under None. Raises NotADataset where only some say one.
    """
    splits: dict[str | None, list[str]] = {}
    for name, parts in below_root(names).items():
        splits.setdefault(_split(parts), []).append(name)
    if None in splits and len(splits) > 1:
        raise NotADataset(
            f"nothing says which split {splits[None][0]!r} belongs to; put every file in a "
            "folder train, val or test, or begin its name so"
        )
    return dict(sorted(splits.items(), key=lambda item: split_order(item[0])))


def split_order(split: str | None) -> int:
    """Training comes before testing, and names of other kinds come last."""
    return SPLITS.index(split.lower()) if split and split.lower() in SPLITS else len(SPLITS)


def below_root(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The parts of each path, without folders that all have in common and that say nothing."""
    parts = {name: PurePosixPath(name).parts for name in names}
    while parts and _common(parts.values()):
        parts = {name: each[1:] for name, each in parts.items()}
    return parts


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """An order in which `part-2` comes before `part-10`."""
    pieces = _DIGITS.split(name)
    return tuple((0, int(each)) if each.isdecimal() else (1, each) for each in pieces if each)


def _common(paths: Iterable[tuple[str, ...]]) -> bool:
    """Whether all lie in one folder that names no split and holds more folders or files."""
    firsts = {path[0] if len(path) > 1 else "" for path in paths}
    return len(firsts) == 1 and "" not in firsts and firsts.pop().lower() not in SPLITS


def _split(parts: tuple[str, ...]) -> str | None:
    if len(parts) > 1 and parts[0].lower() in SPLITS:
        return parts[0]
    found = _SPLIT_IN_NAME.fullmatch(PurePosixPath(parts[-1]).stem)
    return found[1] if found else None
