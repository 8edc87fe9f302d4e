"""All generated pages of docs/reference, by file name."""

from collections.abc import Callable
from pathlib import Path

from docs.generate.pages import MADE
from docs.generate.reference import (
    artifacts,
    command,
    errors,
    http,
    job,
    metrics,
    recipes,
    settings,
)

FOLDER = Path(__file__).resolve().parents[2] / "reference"

PAGES: dict[str, Callable[[], str]] = {
    "http.md": http.page,
    "job.md": job.page,
    "recipes.md": recipes.page,
    "artifacts.md": artifacts.page,
    "errors.md": errors.page,
    "command.md": command.page,
    "settings.md": settings.page,
    "metrics.md": metrics.page,
}


def pages() -> dict[str, str]:
    """File name to Markdown."""
    return {name: MADE + page() for name, page in PAGES.items()}
