"""The report's page runs nothing, asks nobody and is readable without eyes."""

import re

from tests.unit.worker.engine.report.markup import tags


def test_a_hostile_name_stays_text_wherever_it_appears(html: str) -> None:
    names = {tag for tag, _ in tags(html)}
    assert not names & {"img", "script", "iframe", "object", "form"}
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 9


def test_nothing_is_requested_from_anywhere(html: str) -> None:
    for _, attributes in tags(html):
        assert not {"src", "srcset", "onload", "onclick"} & set(attributes)
        assert attributes.get("href") in (None, "data:,")
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html


def test_tables_have_headers_and_plots_have_titles(html: str) -> None:
    found = tags(html)
    assert len(re.findall("<table", html)) == len(re.findall("<thead>", html)) == 12
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in found if tag == "th")
    assert all(attrs.get("aria-label") for tag, attrs in found if attrs.get("role") == "region")
    for picture in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        assert "<title>" in picture or 'aria-hidden="true"' in picture
