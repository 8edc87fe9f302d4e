"""Everything a hostile or clumsy newcomer sends to one real service, and what it answers.

Each is a 4xx problem, or an upload `rejected` or a job `failed` with a named code; nothing
half-written stays behind. One service is there for the whole folder, since a start costs more
than all that one file sends, and since what one test sends must not hurt the next: the file
that sorts last shows that good requests still work after all of it.
"""

from collections.abc import Iterator

import httpx
import pytest

from examples.service import embedded
from tests.services.bad_input.crafted import listed
from tests.services.bad_input.stand import Stand
from tests.services.worker.nets import examples, perceptron


@pytest.fixture(scope="package")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    data = tmp_path_factory.mktemp("bad-input") / "data"
    with embedded(data) as service:
        headers = {"Authorization": f"Bearer {service.key}"}
        with httpx.Client(
            base_url=service.url, headers=headers, timeout=90, trust_env=False
        ) as http:
            yield Stand(http, service.url, service.key, data)


@pytest.fixture(scope="package")
def model(stand: Stand) -> str:
    return stand.ready("models", perceptron(3))


@pytest.fixture(scope="package")
def dataset(stand: Stand) -> str:
    return stand.ready("datasets", examples(64))


@pytest.fixture(scope="package")
def graph_only(stand: Stand) -> str:
    return stand.ready("models", listed())
