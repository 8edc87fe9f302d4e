"""Which members of an archive are the model: one config.json and the safetensors beside it.

A modules.json, as sentence-transformers writes it, names the folder of the network and those of
what stands behind it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lathe.errors import CorruptModel, NotAModel, UnsupportedModel
from worker.engine.intake.archive import CHUNK_BYTES, unpacked
from worker.engine.intake.hugging_face.sentences import Sentences, sentences_of
from worker.engine.onnx_file.place import Place, whole

CONFIG = "config.json"
IMAGES = "preprocessor_config.json"
MODULES = "modules.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SAFETENSORS = ".safetensors"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
MOST_TEXT_BYTES = 16 << 20
SAVE = "save it with model.save_pretrained(folder), which writes safetensors"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What the folder says, and where its weights lie.

    `shard_of` names the file of every tensor where an index lists them; `sentences` is None
    where the network stands alone.
    """

    config: dict[str, Any]
    images: dict[str, Any]
    sentences: Sentences | None
    weights: dict[str, Place]
    shard_of: dict[str, str] | None


def is_model_folder(files: Mapping[str, Place]) -> bool:
    """Whether a config.json of the archive names a type of model, or lies beside weights."""
    return any(
        _weights_beside(files, root) or "model_type" in _json(files, f"{root}{CONFIG}")
        for root in _roots(files)
    )


def model_folder(files: Mapping[str, Place]) -> ModelFolder:
    """The archive's one model folder. Raises NotAModel, CorruptModel or UnsupportedModel."""
    root, sentences = _the_root(files)
    shard_of = _shards(files, root)
    return ModelFolder(
        config=_json(files, f"{root}{CONFIG}"),
        images=_json(files, f"{root}{IMAGES}") if f"{root}{IMAGES}" in files else {},
        sentences=sentences,
        weights={name: files[f"{root}{name}"] for name in _named(files, root, shard_of)},
        shard_of=shard_of,
    )


def as_file(place: Place, folder: Path, name: str) -> Path:
    """A file of its own with the place's bytes; the place's own one where that is all of it."""
    if place == whole(place.path):
        return place.path
    return unpacked(folder, name, _pieces(place)).path


def _pieces(place: Place) -> Iterator[bytes]:
    left = place.size_bytes
    with place.path.open("rb") as file:
        file.seek(place.offset)
        while left and (piece := file.read(min(CHUNK_BYTES, left))):
            left -= len(piece)
            yield piece


def _roots(files: Mapping[str, Place]) -> list[str]:
    """Where a config.json lies, with a slash behind it; the shallowest first."""
    found = [name.removesuffix(CONFIG) for name in files if PurePosixPath(name).name == CONFIG]
    return sorted(found, key=lambda root: (_depth(root), root))


def _depth(name: str) -> int:
    return name.count("/")


def _weights_beside(files: Mapping[str, Place], root: str) -> list[str]:
    """Names of safetensors and of pickles in the folder itself."""
    return [
        name
        for name in (full.removeprefix(root) for full in files if full.startswith(root))
        if "/" not in name and name.endswith((SAFETENSORS, *PICKLES))
    ]


def _the_root(files: Mapping[str, Place]) -> tuple[str, Sentences | None]:
    """Where the network lies: the folder that modules.json names first, else the shallowest
    with a config.json."""
    listed = sorted((n for n in files if PurePosixPath(n).name == MODULES), key=_depth)
    if listed:
        return _listed(files, listed[0])
    first, *others = _roots(files)
    if any(_depth(other) == _depth(first) for other in others):
        raise NotAModel(
            f"the archive holds {len(others) + 1} folders with a config.json; upload one model "
            "at a time"
        )
    return first, None


def _listed(files: Mapping[str, Place], name: str) -> tuple[str, Sentences]:
    """The network's folder and what stands behind it, as the modules.json `name` says."""
    modules = _parsed(files, name)
    if not isinstance(modules, list) or not all(
        isinstance(one, dict)
        and isinstance(one.get("type"), str)
        and isinstance(one.get("path"), str)
        for one in modules
    ):
        raise CorruptModel(f"{name!r} is no list of modules with a type and a path; {SAVE}")
    folder = name.removesuffix(MODULES)
    roots = [f"{folder}{one['path']}/" if one["path"] else folder for one in modules]
    for root in roots[:2]:  # a Normalize may have no config
        if f"{root}{CONFIG}" not in files:
            raise CorruptModel(f"the folder lacks {f'{root}{CONFIG}'[:100]!r}; {SAVE}")
    configs = [_json(files, f"{r}{CONFIG}") if f"{r}{CONFIG}" in files else {} for r in roots]
    types = [one["type"] for one in modules]
    behind = sentences_of(list(zip(types, configs, strict=True)))
    return roots[0], behind


def _shards(files: Mapping[str, Place], root: str) -> dict[str, str] | None:
    if f"{root}{INDEX}" not in files:
        return None
    shard_of = _json(files, f"{root}{INDEX}").get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(n, str) for n in shard_of.values()):
        raise CorruptModel(f"{INDEX} has no weight_map of tensors to files; {SAVE}")
    for name in sorted(set(shard_of.values())):
        if "/" in name or not name.endswith(SAFETENSORS):
            raise UnsupportedModel(
                f"{INDEX} names the file {name[:100]!r}; only .safetensors files beside it are "
                "read"
            )
        if f"{root}{name}" not in files:
            raise CorruptModel(f"the folder lacks {name[:100]!r}, which {INDEX} names; add it")
    return shard_of


def _named(files: Mapping[str, Place], root: str, shard_of: dict[str, str] | None) -> list[str]:
    """The files to read: those of the index, model.safetensors, or the only one there is."""
    if shard_of is not None:
        return sorted(set(shard_of.values()))
    beside = _weights_beside(files, root)
    found = [name for name in beside if name.endswith(SAFETENSORS)]
    if WEIGHTS in found:
        return [WEIGHTS]
    if len(found) == 1:
        return found
    if found:
        raise NotAModel(
            f"the folder holds {len(found)} .safetensors files and no {INDEX}; {SAVE}"
        )
    if beside:
        raise NotAModel(
            f"the folder's weights are a Python pickle ({beside[0]}), which runs code; {SAVE}"
        )
    raise NotAModel(f"the folder has a {CONFIG} and no weights; add {WEIGHTS}, or {SAVE}")


def _json(files: Mapping[str, Place], name: str) -> dict[str, Any]:
    said = _parsed(files, name)
    if not isinstance(said, dict):
        raise CorruptModel(f"{name!r} holds no JSON object; {SAVE}")
    return said


def _parsed(files: Mapping[str, Place], name: str) -> object:
    place = files[name]
    if place.size_bytes > MOST_TEXT_BYTES:
        raise UnsupportedModel(f"{name!r} has more than {MOST_TEXT_BYTES} bytes; {SAVE}")
    with place.path.open("rb") as file:
        file.seek(place.offset)
        text = file.read(place.size_bytes)
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptModel(f"{name!r} is no JSON ({error}); {SAVE}") from error
    return said
