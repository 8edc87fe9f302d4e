"""The page's template, compiled while importing.

The sandboxed child that renders it may open no file of the tree any more.
"""

from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined

from worker.engine.report.typeset import typeset
from worker.engine.run import figures

SOURCES = (
    "page.html.jinja",
    "plots.html.jinja",
    "layer_plot.html.jinja",
    "ladder.html.jinja",
    "confused.html.jinja",
    "tables.html.jinja",
    "style.css",
)


def _environment() -> Environment:
    here = Path(__file__).parent
    sources = {name: (here / name).read_text(encoding="utf-8") for name in SOURCES}
    made = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["fact"] = fact
    made.filters.update(
        typeset=typeset,
        duration=figures.duration,
        milliseconds=figures.milliseconds,
        percent=lambda share: f"{100 * share:.1f}%",
    )
    return made


def fact(value: float | str | bool) -> str:  # noqa: FBT001 - one fact of any type
    """One fact of a step: yes or no, a number, or its text."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return figures.number(value)
        case _:
            return value


TEMPLATE = _environment().get_template("page.html.jinja")
