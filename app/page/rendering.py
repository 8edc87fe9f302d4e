"""Templates become answers; their policy lets nothing in but this service's own files."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.page import numbers
from app.page.assets import address
from app.page.visitor import Visitor
from lathe import __version__

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"address": address, "version": __version__}
_ENVIRONMENT.filters |= {
    "size": numbers.size,
    "count": numbers.count,
    "duration": numbers.duration,
    "moment": numbers.moment,
    "metric": numbers.metric,
    "words": numbers.words,
    "sumvalues": lambda counts: sum(counts.values()),
}


def fragment(template: str, /, **values: Any) -> str:
    """A part of a page as HTML."""
    return _ENVIRONMENT.get_template(template).render(**values)


def page(
    request: Request,
    template: str,
    visitor: Visitor | None,
    /,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page for whoever is signed in, or for nobody yet."""
    body = fragment(template, visitor=visitor, path=request.url.path, **values)
    return HTMLResponse(body, status, HEADERS)


def part(template: str, visitor: Visitor, /, **values: Any) -> HTMLResponse:
    """A part that is put into a page that is open."""
    return HTMLResponse(fragment(template, visitor=visitor, **values), headers=HEADERS)
