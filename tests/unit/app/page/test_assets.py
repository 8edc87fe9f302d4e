"""The files that pages bring: from where they come, and that nobody changed them."""

import hashlib
import re
from typing import Any

import pytest

from app.page.assets import ASSETS, FOLDER, address

VENDOR = FOLDER / "vendor"


def test_every_vendored_file_is_on_the_list_with_its_hash() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert there == listed


def test_every_vendored_library_has_its_licence_beside_it() -> None:
    licences = {path.name.partition(".")[0] for path in VENDOR.glob("*.LICENSE.txt")}
    libraries = {re.split(r"[-.]", path.name)[0] for path in VENDOR.glob("*.js")}
    assert libraries == licences


@pytest.mark.anyio
async def test_a_file_is_kept_by_its_hash_and_asked_for_once(world: Any, opens: Any) -> None:
    someone = await opens()
    answer = await someone.client.get(address("page.css"))
    assert answer.content == ASSETS["page.css"].content
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    held = {"if-none-match": answer.headers["etag"]}
    assert (await someone.client.get("/static/page.css", headers=held)).status_code == 304
    assert (await someone.client.get("/static/../page.css")).status_code == 404
    assert (await someone.client.get("/static/SHA256SUMS")).status_code == 404
