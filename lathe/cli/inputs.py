"""What a job reads: ids as they are, files uploaded once."""

import hashlib
from pathlib import Path

from lathe.cli.bars import bytes_bar
from lathe.cli.say import note
from lathe.cli.wrong import wrong
from lathe.client import Client
from lathe.facts import Transform
from lathe.ids import is_id
from lathe.layout import Layout
from lathe.states import UploadState
from lathe.views import DatasetView, ModelView

_LOOKED_AT = 100  # of the newest uploads


def model_of(text: str, lathe: Client) -> ModelView:
    """The model of that id, or the one in that file: uploaded, unless it was before."""
    if is_id("mdl", text):
        return lathe.model(text)
    path, sha256 = _file(text, "mdl_...")
    for known in lathe.models(limit=_LOOKED_AT):
        if known.sha256 == sha256 and known.state is UploadState.READY:
            note(f"{path.name} was uploaded before: {known.id}")
            return known
    with bytes_bar(f"uploading {path.name}") as told:
        return lathe.upload_model(path, told=told)


def dataset_of(
    text: str,
    lathe: Client,
    transforms: dict[str, Transform] | None,
    layout: Layout | None,
) -> DatasetView:
    """The data set of that id, or the one in that file: uploaded, unless the same content was
    before, to be read in the same way."""
    if is_id("dat", text):
        return lathe.dataset(text)
    path, sha256 = _file(text, "dat_...")
    for known in lathe.datasets(limit=_LOOKED_AT) if layout is None else ():
        same = known.sha256 == sha256 and known.name == path.name
        if same and known.facts and known.facts.transforms == (transforms or {}):
            note(f"{path.name} was uploaded before: {known.id}")
            return known
    with bytes_bar(f"uploading {path.name}") as told:
        return lathe.upload_dataset(path, transforms=transforms, layout=layout, told=told)


def _file(text: str, id_form: str) -> tuple[Path, str]:
    path = Path(text)
    if not path.is_file():
        raise wrong(f"There is no file {text}; give a file or an id such as {id_form}")
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()
