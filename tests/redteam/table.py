"""The page of all attacks: `python -m tests.redteam.table` writes docs/security/red-team.md."""

from pathlib import Path

from tests.redteam.attack import FOLDERS, attacks

PAGE = Path(__file__).parents[2] / "docs" / "security" / "red-team.md"
HEADINGS = {
    "files": "What is uploaded",
    "requests": "What is said over HTTP",
    "tenants": "What belongs to others",
    "outbound": "Where the service is asked to reach out to",
    "sandbox": "What code in the child could try",
}
OPENING = """# The red team

Every attack that was thought of, what somebody sees who tries it, and what stops it. Each is a
class in `tests/redteam/`, which sends it to a real service over HTTP; another test of the same
class takes just that guard away from the service's own code and shows that the attack does its
harm then, so that no refusal stands here by accident. Where two guards stop the same thing,
each is shown to do so alone. [The last table](#where-something-else-shows-the-harm) names what
the service has no code to fall for. `make test-redteam` runs all of it.

This page is made of those classes by `python -m tests.redteam.table`.
"""


def page() -> str:
    """All attacks in Markdown."""
    parts = [OPENING]
    for folder in FOLDERS:
        lines = [f"## {HEADINGS[folder]}\n", "| attack | what the user sees | guard | test |"]
        lines.append("|---|---|---|---|")
        lines += [
            f"| {one.what} | {one.seen} | {one.guard} | `{one.place}` |"
            for one in attacks(folder)
        ]
        parts.append("\n".join(lines) + "\n")
    parts.append(_elsewhere())
    return "\n".join(parts)


def _elsewhere() -> str:
    lines = ["## Where something else shows the harm\n", "| attack | what shows it, and why |"]
    lines.append("|---|---|")
    lines += [
        f"| {one.what} | {one.instead} |"
        for folder in FOLDERS
        for one in attacks(folder)
        if one.instead
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
