"""`lathe techniques` and `lathe recipes`; without a service they answer from this release."""

from typing import Annotated, Any, get_args

import typer

from lathe.cli.connect import connected, is_named
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import out, show, table
from lathe.cli.wrong import no_such
from lathe.recipes import AnyRecipe
from lathe.techniques import TECHNIQUES
from lathe.views import RecipeView, TechniqueView


def techniques(
    name: Annotated[str | None, typer.Argument(help="One of them, with its fields.")] = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What the steps of a pipeline may be; with a name, its fields."""
    known = _techniques(url, key)
    if name is None:
        if as_json:
            show(known)
        else:
            rows = [(each.technique, each.phase, each.summary) for each in known]
            table(("technique", "phase", "what it does"), rows)
        return
    found = next((each for each in known if each.technique == name), None)
    if found is None:
        raise no_such("technique", name, [each.technique for each in known])
    if as_json:
        show(found)
        return
    needs = [what for what, needed in found.needs.items() if needed]
    out().print(f"{found.technique}  ({found.phase})\n{found.summary}", markup=False)
    out().print(f"needs {', '.join(needs) or 'no data'}\n", markup=False)
    _fields(found.json_schema)


def recipes(url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """The pipelines that have a name, with their options."""
    known = _recipes(url, key)
    if as_json:
        show(known)
        return
    for recipe in known:
        out().print(f"{recipe.recipe}\n{recipe.summary}", markup=False)
        _fields(recipe.json_schema)
        out().print()


def _techniques(url: str | None, key: str | None) -> list[TechniqueView]:
    if is_named(url):
        with connected(url, key) as service:
            return service.lathe.techniques()
    return [
        TechniqueView(
            technique=step.model_fields["technique"].default,
            phase=step.phase.name.lower(),
            summary=(step.__doc__ or "").strip().splitlines()[0],
            needs=step.needs.model_dump(),
            json_schema=step.model_json_schema(),
        )
        for step in TECHNIQUES
    ]


def _recipes(url: str | None, key: str | None) -> list[RecipeView]:
    if is_named(url):
        with connected(url, key) as service:
            return service.lathe.recipes()
    return [
        RecipeView(
            recipe=recipe.model_fields["recipe"].default,
            summary=(recipe.__doc__ or "").strip().splitlines()[0],
            json_schema=recipe.model_json_schema(),
        )
        for recipe in get_args(AnyRecipe)
    ]


def _fields(schema: dict[str, Any]) -> None:
    rows = [
        (f"  {field}", _default(about), " ".join(about.get("description", "").split()))
        for field, about in schema.get("properties", {}).items()
        if field not in {"technique", "recipe", "id"}
    ]
    table(("  field", "default", ""), rows)


def _default(about: dict[str, Any]) -> str:
    value = about.get("default")
    return "" if value is None or isinstance(value, dict | list) else str(value)
