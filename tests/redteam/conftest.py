"""The red team: every attack that was thought of, sent to one real service.

One attack is one class. It has

    __doc__   the hostile thing, in a line
    seen      what the user sees who tries it
    guard     what stops it

and at least two tests. One sends the hostile thing to the service, over HTTP, and looks at the
answer: it is refused by a named error, or it is harmless. The other, whose name ends with
`without_the_guard`, takes just that guard away from the service's own code and shows the harm,
in a process of its own where it would hurt this one: an attack that never worked shows nothing
about its guard. Where there is no such code to leave, the class says so in

    instead   what shows the harm, and why the service's own code cannot

    tests/redteam/files      what is uploaded: pickles, archives, bombs, shapes, graphs
    tests/redteam/requests   what is said over HTTP, and how slowly
    tests/redteam/tenants    what belongs to another project, or to another's browser
    tests/redteam/outbound   where the service is asked to reach out to
    tests/redteam/sandbox    what code could try that runs in the child after all

`docs/security/red-team.md` is made of these classes by `python -m tests.redteam.table`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from examples.service import Service, embedded
from tests.redteam.door import Door, entered
from tests.redteam.second import second
from tests.services.worker.nets import perceptron

MOST_STREAMS = 40
INSPECT_S = 60  # so that what never ends does; a busy machine takes half of it for the rest
SETTINGS = {
    "LATHE_INSPECT_MAX_RUN_S": str(INSPECT_S),
    "LATHE_INSPECT_MEMORY_BYTES": str(2 << 30),
    "LATHE_UPLOAD_IDLE_S": "2",
    "LATHE_READER_IDLE_S": "2",
    "LATHE_SLOWEST_BYTES_PER_S": str(1 << 20),
    "LATHE_HEAD_TIMEOUT_S": "2",
    "LATHE_MAX_STREAMS": str(MOST_STREAMS),
    "LATHE_NICE": "0",  # on a busy machine what is attacked must not wait for all others
    "LATHE_SANDBOX": "required",
    "LATHE_OUTBOUND_ALLOW": "localhost",  # one host that an operator trusts, and no other
}


Without = Callable[..., AbstractContextManager[Door]]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """The one service that all attacks are sent to, and its data folder."""
    data = tmp_path_factory.mktemp("red-team") / "data"
    with embedded(data, environment={"OMP_NUM_THREADS": "1", **SETTINGS}) as running:
        yield running, data


@pytest.fixture(scope="session")
def door(service: tuple[Service, Path]) -> Iterator[Door]:
    """The attacker's own project: they have a key, as any customer has."""
    running, data = service
    with entered(running.url, running.key, data) as made:
        yield made


@pytest.fixture(scope="session")
def victim(door: Door) -> Iterator[Door]:
    """Another project on the same service, whose things the attacker wants."""
    made = door.http.post("/v1/projects", json={"name": "victim"}).json()
    with entered(door.url, made["key"]["key"], door.data) as theirs:
        yield theirs


@pytest.fixture(scope="session")
def breached(door: Door) -> Iterator[Door]:
    """The attacker at a process of the same service that tests take guards away from."""
    with second(door.data, door.key, SETTINGS) as opened:
        yield opened


@pytest.fixture(scope="session")
def without(door: Door) -> Without:
    """The same with settings of its own: `with without(max_head_bytes=1 << 40) as bare`."""
    return partial(second, door.data, door.key, SETTINGS)


@pytest.fixture(scope="session")
def model(door: Door) -> str:
    """A good model of the attacker's."""
    return door.ready("models", perceptron(3))


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
