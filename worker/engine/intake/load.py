"""From an uploaded file to one model, large tensors mapped and nothing outside it read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal

import onnx

from lathe.errors import CorruptModel, NotAModel, UnsafeArchive, UnsafeExternalData
from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
from worker.engine.intake.external_data import bring_in, is_external
from worker.engine.intake.file_kind import FileKind, file_kind
from worker.engine.intake.hugging_face import load as hugging_face
from worker.engine.intake.hugging_face.folder import is_model_folder
from worker.engine.intake.pt2 import load as pt2
from worker.engine.intake.tar_archive import unpack_tar
from worker.engine.intake.tensors import check_declared, every_tensor
from worker.engine.intake.text import check_text
from worker.engine.intake.zip_archive import unpack_zip
from worker.engine.onnx_file.place import Place
from worker.engine.onnx_file.read import Skimmed, skim
from worker.wire import Limits

ModelFormat = Literal["onnx", "onnx-archive", "pt2", "hugging-face"]
EXPORT = "export the model with torch.onnx.export(model, args, 'model.onnx', dynamo=True)"
REMEDY: dict[FileKind, str] = {
    "empty": "the file is empty; upload it again",
    "pickle": f"the file is a Python pickle (.pt, .pth, .pkl), which runs code; {EXPORT}",
    "safetensors": "the file is safetensors: weights without a network; upload the "
    "Hugging Face folder that it is from, with its config.json, as one .zip",
    "hdf5": "the file is HDF5 (Keras .h5); convert it with tf2onnx to .onnx",
    "tflite": "the file is a TensorFlow Lite model; convert it with tf2onnx to .onnx",
    "gguf": f"the file is GGUF; {EXPORT}",
    "npy": "the file is a NumPy array; upload it as a data set in an .npz",
    "xz": "the file is packed with xz; pack the model as .zip or .tar.gz",
    "bzip2": "the file is packed with bzip2; pack the model as .zip or .tar.gz",
    "zstd": "the file is packed with zstd; pack the model as .zip or .tar.gz",
    "7z": "the file is a 7z archive; pack the model as .zip or .tar.gz",
    "rar": "the file is a RAR archive; pack the model as .zip or .tar.gz",
    "elf": "the file is a program; upload an .onnx file",
    "pdf": "the file is a PDF; upload an .onnx file",
    "image": "the file is an image; upload an .onnx file",
    "text": "the file is text; upload the binary .onnx file itself",
    "unknown": "the file is in no format that is known here; upload an .onnx file",
}
FOREIGN_MEMBERS: tuple[tuple[str, str], ...] = (
    ("data.pkl", f"the archive is a PyTorch checkpoint or TorchScript file; {EXPORT}"),
    ("saved_model.pb", "the archive is a TensorFlow SavedModel; convert it with tf2onnx"),
    ("model.weights.h5", "the archive is a .keras file; convert it with tf2onnx"),
    ("model.safetensors", "the archive holds safetensors without a config.json; add it"),
)
JUNK = ("__MACOSX/", "._")


def load_model(
    upload: Path, folder: Path, limits: Limits
) -> tuple[onnx.ModelProto, ModelFormat]:
    """The uploaded model, external data found and every tensor's size checked.

    Archives are unpacked below `folder`. Both must stay as long as the model does: its large
    initializers are mapped. Raises NotAModel, CorruptModel, ModelTooLarge, UnsafeArchive or
    UnsafeExternalData.
    """
    kind = file_kind(upload)
    match kind:
        case "onnx":
            return _checked(_lone(upload)), "onnx"
        case "zip" | "tar" | "tar.gz":
            with _archive_errors():
                model, form = _from_archive(upload, folder, kind, limits)
            return _checked(model), form
        case "unknown" if _reads_as_model(upload):
            return _checked(_lone(upload)), "onnx"
        case _:
            raise NotAModel(REMEDY[kind])


def _parsed(source: Path | Place) -> Skimmed:
    skimmed = skim(source)
    if not skimmed.model.HasField("graph") or not skimmed.model.graph.node:
        raise NotAModel("the file holds no ONNX graph with any node; upload an exported model")
    check_text(skimmed.model)
    return skimmed


def _reads_as_model(upload: Path) -> bool:
    """Whether a file that does not begin as exporters begin it is ONNX after all."""
    try:
        _parsed(upload)
    except (CorruptModel, NotAModel):
        return False
    return True


def _lone(upload: Path) -> onnx.ModelProto:
    skimmed = _parsed(upload)
    outside = next((t for t in every_tensor(skimmed.model) if is_external(t)), None)
    if outside is not None:
        raise UnsafeExternalData(
            f"the tensor {outside.name!r} lies in another file; upload a zip that holds the "
            ".onnx file and its data files"
        )
    skimmed.map_in()
    return skimmed.model


def _from_archive(
    upload: Path, folder: Path, kind: Literal["zip", "tar", "tar.gz"], limits: Limits
) -> tuple[onnx.ModelProto, ModelFormat]:
    files = (
        unpack_zip(upload, folder, limits)
        if kind == "zip"
        else unpack_tar(upload, folder, limits, gzipped=kind == "tar.gz")
    )
    files, form = _as_onnx(
        {name: place for name, place in files.items() if not _is_junk(name)}, folder
    )
    found = _onnx_names(files)
    if not found:
        raise NotAModel(_foreign(list(files)))
    if len(found) > 1:
        raise NotAModel(
            f"the archive holds {len(found)} .onnx files ({', '.join(sorted(found)[:3])}); "
            "upload one model at a time"
        )
    skimmed = _parsed(files[found[0]])
    bring_in(skimmed.model, str(PurePosixPath(found[0]).parent), files)
    skimmed.map_in()
    return skimmed.model, form


def _as_onnx(files: dict[str, Place], folder: Path) -> tuple[dict[str, Place], ModelFormat]:
    """The members, or the ONNX file that torch makes of a program or a folder of them."""
    if pt2.is_pt2(files):
        return pt2.exported(files, folder / "exported"), "pt2"
    if not _onnx_names(files) and is_model_folder(files):
        return hugging_face.exported(files, folder / "exported"), "hugging-face"
    return files, "onnx-archive"


def _onnx_names(files: Mapping[str, Place]) -> list[str]:
    return [name for name in files if name.lower().endswith(".onnx")]


def _is_junk(name: str) -> bool:
    return name.startswith(JUNK[0]) or PurePosixPath(name).name.startswith(JUNK[1])


def _foreign(names: list[str]) -> str:
    last = {PurePosixPath(name).name for name in names}
    told = next((said for member, said in FOREIGN_MEMBERS if member in last), None)
    if told is None and any(name.endswith(".npy") for name in names):
        return "the archive is an .npz of NumPy arrays; upload it as a data set"
    return told or "the archive holds no .onnx file; put exactly one into it"


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    for tensor in every_tensor(model):
        check_declared(tensor)
    return model


@contextmanager
def _archive_errors() -> Iterator[None]:
    try:
        yield
    except ArchiveRefusedError as error:
        raise UnsafeArchive(
            f"the archive is refused: {error}; pack only the model's own files"
        ) from error
    except ArchiveDamagedError as error:
        raise CorruptModel(
            f"the archive cannot be read to its end ({error}); upload it again"
        ) from error
