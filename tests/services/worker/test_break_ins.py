"""What walls must stop beyond the plain attempts of test_sandbox.py, in children of the tests'
own user and, where that is root, of nobody, too: root's own rules are other ones."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.worker.cell import World, attempt, outside
from tests.services.worker.nobody import NOBODY
from worker.nursery import Nursery
from worker.sandbox.walls import available

pytestmark = pytest.mark.skipif(
    bool(available().missing), reason=f"this kernel lacks {available().missing}"
)

WORKS_OUTSIDE: dict[str, dict[str, str]] = {
    "clone": {},
    "clone3": {},
    "spawn": {},
    "descriptors_of_its_own": {},
    "close_apart": {},
    "memfd": {},
    "fexecve": {},
    "datagram": {"path": "datagram"},
    "passed_descriptors": {},
    "chmod": {"path": "secret"},
    "fchmod": {"path": "secret"},
    "chown": {"path": "secret"},
    "utime": {"path": "secret"},
    "setxattr": {"path": "secret"},
    "truncate": {"path": "secret"},
    "empty_by_reading": {"path": "secret"},
    "watch_folder": {"path": "folder"},
    "shm": {},
    "message_queue": {},
    "semaphores": {},
    "dev_shm": {"pid": "process"},
    "affinity": {"pid": "process"},
    "scheduler": {"pid": "process"},
    "send_by_file": {"pid": "process"},
    "outlive_parent": {},
    "own_memory": {},
    "parents_descriptors": {},
    "log_for_reading": {},
    "abstract": {"pid": "process"},
}
MAY_BE_REFUSED_OUTSIDE: dict[str, dict[str, str]] = {  # by older kernels and other policies
    "fchmodat2": {"path": "secret"},
    "io_uring": {},
    "user_namespace": {},
    "keyring": {},
    "of_tomorrow": {},
}


@dataclass(frozen=True)
class Prison:
    """A nursery, the user of its children, and what they must not reach."""

    nursery: Nursery
    world: World
    user: int | None

    def arguments(self, names: dict[str, str]) -> dict[str, object]:
        """The values of an act's arguments."""
        values = {
            "datagram": str(self.world.datagram_path),
            "secret": str(self.world.secret),
            "folder": str(self.world.secret.parent),
            "process": self.world.process,
        }
        return {key: values[what] for key, what in names.items()}


USERS = ["own", "nobody"] if os.geteuid() == 0 else ["own"]


@pytest.fixture(scope="module", params=USERS)
def prison(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prison]:
    engine, user = ("nobody", NOBODY) if request.param == "nobody" else ("acts", None)
    nursery = Nursery(f"tests.services.worker.{engine}:perform")
    with outside(tmp_path_factory.mktemp("w"), user) as world:
        yield Prison(nursery, world, user)
    nursery.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for place in (tmp_path, *tmp_path.parents[:2]):  # nobody must pass through
        place.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", WORKS_OUTSIDE)
def test_a_way_out_is_closed_inside_and_open_outside(
    name: str, prison: Prison, work: Path
) -> None:
    wish = {"act": name, **prison.arguments(WORKS_OUTSIDE[name])}
    free, died = attempt(prison.nursery, work, "off", wish, prison.user)
    if name == "fexecve":  # another program has no answer
        assert (free, died.exit) == (None, 0)
    else:
        assert free is not None
        assert free.code == "act_done", free.detail
    inside, _ = attempt(prison.nursery, work, "required", wish, prison.user)
    assert inside is not None
    assert inside.code in {"PermissionError", "OSError"}, inside.detail


@pytest.mark.parametrize("name", MAY_BE_REFUSED_OUTSIDE)
def test_a_call_that_other_things_may_refuse_is_refused_inside_for_certain(
    name: str, prison: Prison, work: Path
) -> None:
    wish = {"act": name, **prison.arguments(MAY_BE_REFUSED_OUTSIDE[name])}
    inside, _ = attempt(prison.nursery, work, "required", wish, prison.user)
    assert inside is not None
    assert inside.code in {"PermissionError", "OSError"}, inside.detail


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 alone has these doors")
@pytest.mark.parametrize("name", ["x32", "int80"])
def test_the_doors_of_other_architectures_kill(name: str, prison: Prison, work: Path) -> None:
    inside, died = attempt(prison.nursery, work, "required", {"act": name}, prison.user)
    assert (inside, died.exit) == (None, -31)  # SIGSYS


def test_maths_and_files_of_its_own_go_on(prison: Prison, work: Path) -> None:
    for act, expected in (("write_out", "8"), ("maths", "216000000.0")):
        answer, _ = attempt(prison.nursery, work, "required", {"act": act}, prison.user)
        assert answer is not None
        assert (answer.code, answer.detail) == ("act_done", expected)
