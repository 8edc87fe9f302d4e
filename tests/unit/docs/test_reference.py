"""The generated pages of docs/reference are those of the code, and leave nothing out."""

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

import pytest

from docs.generate.reference import errors
from docs.generate.reference.command import commands, parameters
from docs.generate.reference.errors import meaning_and_remedy
from docs.generate.reference.http import application, endpoints
from docs.generate.reference.metrics import registered
from docs.generate.reference.pages import FOLDER, pages
from docs.generate.reference.settings import classes
from docs.generate.schema import reached, refs
from lathe.errors import Conflict, family
from lathe.job import JobSpec
from lathe.recipes import NAMES
from lathe.views import ARTIFACT_KINDS, ArtifactKind

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("app", "worker", "lathe", "migrations")
READERS = {"get", "getenv", "pop", "setdefault"}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_page_is_as_it_would_be_written_now(made: dict[str, str]) -> None:
    stale = [name for name in made if (FOLDER / name).read_text() != made[name]]
    assert not stale, "run `make docs`"


def test_every_setting_has_a_row_that_says_what_it_is(made: dict[str, str]) -> None:
    rows = _rows(made["settings.md"])
    silent = [
        f"{each.__module__}: {name}"
        for each in classes()
        for name, field in each.model_fields.items()
        if not field.description or f"LATHE_{name.upper()}" not in rows
    ]
    assert not silent, "give the field a description"


def test_every_variable_that_is_read_by_name_has_a_row(made: dict[str, str]) -> None:
    rows = _rows(made["settings.md"])
    assert {"LATHE_VALKEY_BIN", "LATHE_DATABASE_URL"} <= set(_read_by_name())
    assert not set(_read_by_name()) - rows.keys(), "say what it is in app/store/variables.py"
    assert not [name for name, told in rows.items() if not told]


def test_every_variable_of_the_stack_has_a_row(made: dict[str, str]) -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    wanted = set(re.findall(r"\$\{([A-Z0-9_]+)", compose))
    assert "LATHE_GPU_WORKERS" in wanted
    assert not wanted - _rows(made["settings.md"]).keys()


def test_every_metric_has_a_row_wherever_it_is_named(made: dict[str, str]) -> None:
    rows = _rows(made["metrics.md"])
    told = {one.name for each in registered() for one in each.describe()}
    assert not told - {name.removesuffix("_total") for name in rows}
    named = {
        node.value
        for path in (*ROOT.glob("app/*metrics*.py"), *ROOT.glob("app/**/metrics/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and re.fullmatch(r"lathe_[a-z_]+", str(node.value))
    }
    assert "lathe_stored_bytes" in named
    assert not named - rows.keys()
    assert not [name for name, told in rows.items() if not told]


def test_every_error_says_what_it_means_and_what_to_do(made: dict[str, str]) -> None:
    for error in family()[1:]:
        meaning, remedy = meaning_and_remedy(error)
        assert meaning.endswith(".")
        assert remedy.endswith(".")
        assert f"\n## {error.code}\n" in made["errors.md"]


def test_an_error_without_a_remedy_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conflict, "__doc__", "It means something.")
    with pytest.raises(ValueError, match="Conflict says what it means and"):
        errors.page()


def test_every_endpoint_has_an_entry_with_words_and_a_scope(made: dict[str, str]) -> None:
    listed = endpoints(application())
    assert len(listed) > 30
    for one in listed:
        heading = f"\n### {one.method} {one.path}\n"
        assert made["http.md"].count(heading) == 1
        entry = made["http.md"].split(heading)[1].split("\n### ")[0]
        assert cleandoc(one.route.endpoint.__doc__ or ""), heading
        assert "Wants a key with the scope `" in entry or "Wants no key." in entry


def test_every_endpoint_of_the_openapi_document_has_an_entry_with_a_request(
    made: dict[str, str],
) -> None:
    for path, methods in application().openapi()["paths"].items():
        for method in methods:
            entry = made["http.md"].split(f"\n### {method.upper()} {path}\n")[1]
            assert "```sh\ncurl -sS" in entry.split("\n### ")[0]


def test_every_parameter_says_what_it_is() -> None:
    silent = [
        f"{method} {path}: {parameter['name']}"
        for path, methods in application().openapi()["paths"].items()
        for method, said in methods.items()
        for parameter in said.get("parameters", ())
        if parameter["in"] != "path" and not parameter.get("description")
    ]
    assert not silent


def test_every_code_that_an_endpoint_may_answer_is_known(made: dict[str, str]) -> None:
    codes = set(re.findall(r"errors\.md#(\w+)", made["http.md"]))
    assert codes
    assert codes <= {error.code for error in family()}


def test_every_field_of_a_job_says_what_it_is(made: dict[str, str]) -> None:
    schema = JobSpec.model_json_schema()
    inside = [schema, *(schema["$defs"][name] for name in _of_the_job(schema))]
    silent = [
        f"{each['title']}.{name}"
        for each in inside
        for name, field in each["properties"].items()
        if not field.get("description") and "const" not in field
    ]
    assert not silent
    for name in JobSpec.model_fields:
        assert f"\n| `{name}` | " in made["job.md"]


def test_every_command_has_an_entry_and_its_options_say_what_they_are(
    made: dict[str, str],
) -> None:
    listed = list(commands())
    assert "compress" in dict(listed)
    assert "jobs watch" in dict(listed)
    for name, command in listed:
        assert f"\n## lathe {name}\n" in made["command.md"]
        assert command.help
        assert not [each.name for each in parameters(command) if not each.help]


def test_every_recipe_and_kind_of_artifact_is_there(made: dict[str, str]) -> None:
    assert all(f"\n## {name}\n" in made["recipes.md"] for name in NAMES)
    assert set(get_args(ArtifactKind)) == set(ARTIFACT_KINDS)
    assert all(f"| `{kind}` | " in made["artifacts.md"] for kind in ARTIFACT_KINDS)


def _of_the_job(schema: dict[str, Any]) -> Iterator[str]:
    yield from reached(refs(schema["properties"]), schema["$defs"])


def _rows(page: str) -> dict[str, str]:
    """First cell, without its ticks, to the last."""
    rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line[:3] == "| `")
    return {cells[0].strip("`"): cells[-1] for cells in rows}


def _read_by_name() -> Iterator[str]:
    """Names that stand as a constant where the environment, or an option, is read."""
    files = (path.read_text() for room in ROOMS for path in ROOT.glob(f"{room}/**/*.py"))
    for text in files:
        if not re.search("environ|getenv|envvar", text):
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Subscript(
                    value=ast.Attribute(attr="environ"),
                    slice=ast.Constant(value=str(name)),
                    ctx=ast.Load(),
                ):
                    yield name
                case ast.Call(
                    func=ast.Attribute(attr=reader, value=ast.Attribute(attr="environ")),
                    args=[ast.Constant(value=str(name)), *_],
                ) if reader in READERS:
                    yield name
                case ast.Call(
                    func=ast.Attribute(attr="getenv"), args=[ast.Constant(value=str(name)), *_]
                ):
                    yield name
                case ast.keyword(arg="envvar", value=value):
                    yield from (
                        str(one.value)
                        for one in ast.walk(value)
                        if isinstance(one, ast.Constant)
                    )
