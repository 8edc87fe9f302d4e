"""Downloads that survive cuts: a part file that grows, is checked, and is moved."""

from pathlib import Path

from lathe.client.asking import ask
from lathe.client.partial import Partial
from lathe.client.talk import Ask, Talk, Told
from lathe.errors import ServiceError, Timeout, Unavailable, Unreachable
from lathe.views import ArtifactView


def download(artifact: ArtifactView, folder: Path, told: Told | None) -> Talk[Path]:
    """The file appears under its name only when it is whole and its sha256 is right. A cut is
    gone on from, in this call or, where that ends in an error, in the next one."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _file_name(artifact)
    route = f"/v1/artifacts/{artifact.id}/content"
    with Partial(target, artifact.sha256, artifact.size_bytes, told) as part:

        def rest() -> Ask:
            return Ask("GET", route, headers=part.headers, into=part.take, again=True)

        while part.size_bytes != artifact.size_bytes:
            before = part.size_bytes
            try:
                yield from ask(rest)
            except (Unreachable, Timeout):
                if part.size_bytes == before:
                    raise
            if part.size_bytes in {before, artifact.size_bytes}:
                break
        if not part.right:
            part.discard()
            raise Unavailable(f"{artifact.name} arrived damaged; download it again")
        return part.finish()


def _file_name(artifact: ArtifactView) -> str:
    name = Path(artifact.name).name
    if name in {"", ".."}:
        raise ServiceError(f"{artifact.id} is named {artifact.name!r}, which is no file name")
    return name
