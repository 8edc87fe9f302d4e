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


def is_elsewhere(text: str) -> bool:
    """Whether `text` names a file that the service is to fetch."""
    return text.startswith(("https://", "http://", "s3://"))


def there(text: str, prefix: str) -> None:
    """End the command where `text` is neither an id of this kind nor a file."""
    if not is_id(prefix, text) and not is_elsewhere(text) and not Path(text).is_file():
        raise wrong(f"There is no file {text}; give one, an id {prefix}_..., or https://...")


def model_of(text: str, lathe: Client) -> ModelView:
    """The model of that id, or the one in that file: uploaded, unless it was before."""
    if is_id("mdl", text):
        return lathe.model(text)
    if is_elsewhere(text):
        with bytes_bar(f"fetching {text}") as told:
            return lathe.fetch_model(text, told=told)
    path, sha256 = _file(text)
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
    if is_elsewhere(text):
        with bytes_bar(f"fetching {text}") as told:
            return lathe.fetch_dataset(text, transforms=transforms, layout=layout, told=told)
    path, sha256 = _file(text)
    for known in lathe.datasets(limit=_LOOKED_AT) if layout is None else ():
        same = known.sha256 == sha256 and known.name == path.name
        if same and known.facts and known.facts.transforms == (transforms or {}):
            note(f"{path.name} was uploaded before: {known.id}")
            return known
    with bytes_bar(f"uploading {path.name}") as told:
        return lathe.upload_dataset(path, transforms=transforms, layout=layout, told=told)


def _file(text: str) -> tuple[Path, str]:
    path = Path(text)
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()
