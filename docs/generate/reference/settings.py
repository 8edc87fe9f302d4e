"""settings.md: every environment variable, from the classes that read them."""

import json
import re
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.store.settings import SharedSettings
from app.store.variables import FOREIGN, OF_THE_STACK, OF_TOOLS
from docs.generate.schema import Schema, cell, kind, row

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "docker-compose.yml"
INTRODUCTION = (
    "Each is one environment variable. A wrong value, or a name that begins with `LATHE_` and "
    "does not exist, stops the start with one line that names it. `python -m app.settings` and "
    "`python -m worker.settings` say whether all is right, without starting anything."
)
_FROM_COMPOSE = re.compile(r"\$\{([A-Z0-9_]+)(?::-([^}]*)|:\?[^}]*)?\}")
_HEAD = [row(["variable", "takes", "default", "what it is"]), "|---|---|---|---|"]


def page() -> str:
    """Markdown of all variables: shared, the service's, the workers', the rest."""
    parts = ["# Settings", INTRODUCTION]
    for title, fields in sections().items():
        parts += [f"## {title}", "\n".join([*_HEAD, *fields])]
    return "\n\n".join(parts) + "\n"


def classes() -> list[type[SharedSettings]]:
    """The shared settings, then every class that adds some, wherever it is."""
    for path in sorted(ROOT.glob("app/**/settings.py")) + sorted(
        ROOT.glob("worker/*settings.py")
    ):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return [
        SharedSettings,
        *sorted(SharedSettings.__subclasses__(), key=lambda c: c.__module__),
    ]


def sections() -> dict[str, list[str]]:
    """Title to the rows below it."""
    titles = {
        "app.store.settings": "The service and its workers",
        "app.settings": "The service",
    }
    titles["worker.settings"] = "Workers"
    titles["worker.keep_settings"] = "What is deleted when"
    found = {
        titles.get(each.__module__, each.__module__): list(_rows(each)) for each in classes()
    }
    compose = compose_defaults()
    return found | {
        "The client and the embedded service": [
            row([f"`LATHE_{name.upper()}`", "text", "", cell(told)])
            for name, told in OF_TOOLS.items()
        ],
        "The stack of docker-compose.yml": [
            row(
                [
                    f"`LATHE_{name.upper()}`",
                    "text",
                    f"`{compose[f'LATHE_{name.upper()}']}`",
                    cell(told),
                ]
            )
            for name, told in OF_THE_STACK.items()
        ],
        "Of others": [
            row(
                [
                    f"`{name}`",
                    "text",
                    f"`{compose[name]}`" if compose.get(name) else "",
                    cell(told),
                ]
            )
            for name, told in FOREIGN.items()
        ],
    }


def compose_defaults() -> dict[str, str]:
    """What docker-compose.yml takes where a variable is not set; empty for what must be."""
    return dict(_FROM_COMPOSE.findall(COMPOSE.read_text()))


def _rows(settings: type[SharedSettings]) -> Iterator[str]:
    schema = settings.model_json_schema()
    inherited = () if settings is SharedSettings else SharedSettings.model_fields
    for name, field in settings.model_fields.items():
        if name not in inherited:
            yield row(
                [
                    f"`LATHE_{name.upper()}`",
                    kind(_plain(schema["properties"][name]), lambda each: f"#{each.lower()}"),
                    _default(field),
                    cell(field.description or ""),
                ]
            )


def _plain(schema: Schema) -> Schema:
    """A path and a secret are written as text."""
    return {"type": "string"} if "format" in schema else schema


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined or value in (None, ""):
        return ""  # computed on the machine, or none: the description says it
    if isinstance(value, Path):
        return f"`{str(value).replace(tempfile.gettempdir(), '$TMPDIR')}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
