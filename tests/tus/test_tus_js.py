"""tus-js-client, as browsers and Uppy use it, goes on with an upload as our own client does."""

import hashlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.store.bootstrap import bootstrap
from app.store.migrate import upgrade
from tests.services.app.mortal import Mortal, mortal

MIB = 1 << 20
HERE = Path(__file__).parent
MODULES = Path(os.environ.get("TUS_MODULES", HERE.parents[1] / "build/tus/node_modules"))
CONTENT = random.Random(5).randbytes(160 * MIB + 321)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Uploads:
    """One file, sent by one node process after another."""

    def __init__(self, api: Mortal, key: str, folder: Path) -> None:
        self._file, self._storage = folder / "net.onnx", folder / "urls.json"
        self._file.write_bytes(CONTENT)
        self._api, self._key = api, key
        self._script = folder / "upload.mjs"
        self._script.write_text((HERE / "upload.mjs").read_text())
        (folder / "node_modules").symlink_to(MODULES)

    def begin(self, sha256: str = SHA256) -> "subprocess.Popen[str]":
        endpoint = f"{self._api.url}/v1/uploads"
        return subprocess.Popen(
            ["node", self._script, endpoint, self._key, self._file, self._storage, sha256],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def api_and_key(tmp_path: Path) -> Iterator[tuple[Mortal, str]]:
    assert shutil.which("node"), "node is not installed"
    assert MODULES.is_dir(), "run `make test-tus`, which installs tus-js-client"
    database_url = f"sqlite:///{tmp_path}/lathe.db"
    upgrade(database_url)
    key = str(bootstrap(database_url))
    environment = {
        "LATHE_DATABASE_URL": database_url,
        "LATHE_OBJECTS_URL": f"file://{tmp_path}/objects",
        "LATHE_BROKER_URL": f"redis+socket://{tmp_path}/none.sock",
    }
    with mortal(environment, tmp_path / "api.log") as api:
        yield api, key


def read_until(node: "subprocess.Popen[str]", sent_bytes: int) -> int:
    assert node.stdout is not None
    for line in node.stdout:
        if int(line) >= sent_bytes:
            return int(line)
    raise AssertionError(node.communicate()[1])


def test_it_goes_on_after_its_own_end_and_the_services(
    api_and_key: tuple[Mortal, str], tmp_path: Path
) -> None:
    api, key = api_and_key
    uploads = Uploads(api, key, tmp_path)
    with uploads.begin() as killed:
        read_until(killed, 30 * MIB)
        killed.kill()
    with uploads.begin() as again:
        assert read_until(again, 0) >= 20 * MIB, "it began anew"
        read_until(again, 80 * MIB)
        api.kill()
        api.start()
        out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    address = out.split()[-1]
    headers = {"Authorization": f"Bearer {key}"}
    view = httpx.get(address, headers=headers, trust_env=False).json()
    assert (view["state"], view["sha256"]) == ("checked", SHA256)
    assert view["filename"] == "net.onnx"
    upload_id = re.sub(".*/", "", address)
    route = f"{api.url}/v1/models?upload={upload_id}"
    made = httpx.post(route, headers=headers, trust_env=False)
    assert (made.status_code, made.json()["sha256"]) == (201, SHA256)


def test_it_is_told_when_the_bytes_are_not_those_that_were_promised(
    api_and_key: tuple[Mortal, str], tmp_path: Path
) -> None:
    api, key = api_and_key
    with Uploads(api, key, tmp_path).begin("0" * 64) as node:
        _, err = node.communicate(timeout=120)
    assert node.returncode == 1
    assert SHA256 in err
