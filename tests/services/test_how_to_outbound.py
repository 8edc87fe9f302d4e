"""The how-tos of webhooks and sources work as typed, and print what they say."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.service import Service, embedded
from tests.services.test_how_to import HOW_TOS, commands, ran

MADE_UP = re.compile(r"(whk|job)_[0-9a-z]{26}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATHE_OUTBOUND_ALLOW", "127.0.0.1")
        with embedded(tmp_path_factory.mktemp("service") / "data") as running:
            yield running


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


@pytest.mark.parametrize(("name", "port"), [("webhooks", "9000"), ("by-reference", "9001")])
def test_it_prints_what_it_says(name: str, port: str, service: Service, tmp_path: Path) -> None:
    text = (HOW_TOS / f"{name}.md").read_text()
    promised = "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))
    script = commands(name).replace("LATHE_OUTBOUND_ALLOW=127.0.0.1 make up", "")
    here = free_port()
    said = ran(script.replace(port, here), service, tmp_path, whole=True)
    assert _plain(said.replace(here, port)) == _plain(promised)


def _plain(text: str) -> list[str]:
    return [MADE_UP.sub(r"\1_...", line).rstrip() for line in text.splitlines()]
