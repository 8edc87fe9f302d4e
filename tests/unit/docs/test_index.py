"""docs/README.md lists every page, and no link leads nowhere."""

import re
from pathlib import Path

import pytest

from docs.generate import index

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/**/*.md")],
)
_LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1\s*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")


def test_the_index_is_as_it_would_be_written_now() -> None:
    assert (DOCS / "README.md").read_text() == index.page(), "run `make docs`"


def test_every_page_is_within_two_links_of_the_index() -> None:
    reached = {DOCS / "README.md"}
    for _ in range(2):
        reached |= {(page.parent / to).resolve() for page in reached for to, _ in _links(page)}
        reached = {page for page in reached if page.suffix == ".md" and page.is_file()}
    listed = {path for path in DOCS.rglob("*.md") if path != DOCS / "decisions/README.md"}
    assert len(listed) > 50
    assert not listed - reached


def test_the_readme_leads_to_the_index() -> None:
    assert ("docs/README.md", "") in _links(ROOT / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for to, anchor in _links(page):
        target = (page.parent / to).resolve() if to else page
        assert target.exists(), f"{to} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{to} has no heading {anchor!r}"


def _links(page: Path) -> list[tuple[str, str]]:
    """(path, anchor) of each link to a place of this repository."""
    found = (one or other for one, other in _LINK.findall(_CODE.sub("", page.read_text())))
    inside = (link for link in found if not _ELSEWHERE.match(link))
    return [(link.partition("#")[0], link.partition("#")[2]) for link in inside]


def _anchors(page: Path) -> set[str]:
    """As they are made of headings: lower case, words and hyphens."""
    headings = re.findall(r"^#+ (.*)$", _fenceless(page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def _fenceless(text: str) -> str:
    return re.sub(r"^```.*?^```\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
