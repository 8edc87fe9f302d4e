"""The project that a key is of."""

from lathe.client.asking import ask
from lathe.client.calls.reading import pages
from lathe.client.talk import Ask, Talk
from lathe.views import ProjectView


def projects() -> Talk[list[ProjectView]]:
    """Those that the key can see: its own."""
    return (yield from pages(ProjectView, "/v1/projects"))


def delete(project_id: str, *, cancel_jobs: bool) -> Talk[None]:
    """Not repeated: the key that asks ends with it, and a second answer would be of that."""
    query = {"cancel_jobs": "true"} if cancel_jobs else None
    yield from ask(Ask("DELETE", f"/v1/projects/{project_id}", query=query))
