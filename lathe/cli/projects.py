"""`lathe projects`: the project of the key, and its end; for admins."""

import sys
from typing import Annotated

import typer

from lathe.cli.connect import Connection, connected
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import harmless, note, show, table
from lathe.cli.wrong import wrong
from lathe.views import ProjectView

app = typer.Typer(no_args_is_help=True, help="The project of the key; takes an admin key.")


@app.command("list")
def list_projects(url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """The projects that the key can see: its own."""
    with connected(url, key) as service:
        found = service.lathe.projects()
    if as_json:
        show(found)
        return
    rows = [(each.id, each.name, f"{each.created_at:%Y-%m-%d %H:%M}") for each in found]
    table(("id", "name", "made"), rows)


@app.command()
def delete(
    project: Annotated[str, typer.Argument(help="Id or name, as `projects list` has it.")],
    url: Url = None,
    key: Key = None,
    *,
    cancel_jobs: Annotated[
        bool, typer.Option("--cancel-jobs", help="End its unfinished jobs first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for its name again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the key's own project with everything that it has, for ever."""
    with connected(url, key) as service:
        found = _own(service, project)
        if not yes:
            _confirm(found)
        service.lathe.delete_project(found.id, cancel_jobs=cancel_jobs)
    if as_json:
        show({"deleted": found.id})
    note(f"{found.id} ({found.name}) is deleted; its keys have ended.")


def _own(service: Connection, project: str) -> ProjectView:
    found = service.lathe.projects()
    for each in found:
        if project in {each.id, each.name}:
            return each
    own = ", ".join(f"{each.id} ({each.name})" for each in found)
    raise wrong(f"the key is not of the project {project!r}, but of {own}; no other is deleted")


def _confirm(project: ProjectView) -> None:
    """Ends the command unless the project's name is typed."""
    if not sys.stdin.isatty():
        raise wrong("nobody can be asked whether to delete everything; say so with --yes")
    note(f"{project.name}: its models, data, jobs, results and keys go, and cannot come back.")
    typed = typer.prompt(harmless(f"Type {project.name!r} to delete it"), err=True)
    if typed != project.name:
        raise wrong(f"{typed!r} is not the name of the project; nothing is deleted")
