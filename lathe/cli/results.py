"""What a job made, into a folder."""

from pathlib import Path

from lathe.cli.bars import bytes_bar
from lathe.client import Client
from lathe.views import JobView


def fetched(lathe: Client, job: JobView, folder: Path) -> list[Path]:
    """The best candidate's files and the reports; those that are there with the same name are
    replaced, each at once."""
    best = job.verdict.best if job.verdict else None
    paths = []
    for artifact in lathe.artifacts(job.id):
        if artifact.candidate in {None, best}:
            with bytes_bar(f"downloading {artifact.name}") as told:
                paths.append(lathe.download(artifact, folder, told=told))
    return sorted(paths)
