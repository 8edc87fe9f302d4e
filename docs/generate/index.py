"""docs/README.md: every page in one of four kinds, with its first sentence."""

import re
from itertools import dropwhile, takewhile
from pathlib import Path

from docs.generate.pages import MADE

FOLDER = Path(__file__).resolve().parents[1]
INTRODUCTION = (
    "Four kinds of pages: one to begin with, one for each task, the reasons behind what was "
    "built, and all there is to look up. [The project's page](../README.md) says what Lathe is."
)
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {  # title: what for, and where its pages lie
    "Quickstart": ("The first model, from nothing.", ("quickstart*.md",)),
    "How-to": (
        "One task each, with what it prints; then how to keep a service for others running.",
        ("how-to/*.md", "operations/*.md"),
    ),
    "Discussion": (
        "What was chosen, instead of what, and why; what was tried hard.",
        ("*.md", "security/*.md", "decisions/0*.md"),
    ),
    "Reference": (
        "Everything by name. What has `make docs` at its head comes from code.",
        ("reference/*.md", "techniques/[RVmv]*.md"),
    ),
}
_SENTENCE = re.compile(r".+?\.(?=\s|$)", re.DOTALL)
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def page() -> str:
    """Markdown of the index; each page stands in the first kind that has it."""
    parts = ["# Documentation", INTRODUCTION]
    seen = {FOLDER / "README.md"}
    for title, (purpose, patterns) in KINDS.items():
        paths = [path for pattern in patterns for path in sorted(FOLDER.glob(pattern))]
        listed = [path for path in paths if path not in seen]
        seen.update(listed)
        if listed:
            parts += [f"## {title}", purpose, "\n".join(_line(path) for path in listed)]
    return MADE + "\n\n".join(parts) + "\n"


def _line(path: Path) -> str:
    lines = path.read_text().splitlines()
    title = next(line.removeprefix("# ") for line in lines if line.startswith("# "))
    after = lines[lines.index(f"# {title}") + 1 :]
    said = _first_sentence(after) if path.parent.name != "decisions" else ""
    return f"- [{title}]({path.relative_to(FOLDER)}){f': {said}' if said else ''}"


def _first_sentence(lines: list[str]) -> str:
    """Of the first paragraph, without links; empty where the page begins with anything else."""
    begun = dropwhile(lambda line: not line.strip(), lines)
    text = _LINK.sub(r"\1", " ".join(takewhile(str.strip, begun)))
    found = None if text.startswith(("#", "|", "```")) else _SENTENCE.match(text)
    return found[0] if found else ""
