"""The public keys that manifests are checked with."""

from datetime import timedelta
from typing import Any

import pytest

from app.store.rows import SigningKey
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio


def key(letter: str, minutes_ago: int) -> SigningKey:
    used = utc_now() - timedelta(minutes=minutes_ago)
    pem = f"-----BEGIN PUBLIC KEY-----\n{letter}\n"
    return SigningKey(id=letter * 64, public_key=pem, created_at=used, last_used_at=used)


async def test_every_key_is_listed_the_one_that_signed_last_first(world: Any) -> None:
    await world.add(key("a", 9), key("b", 2), key("c", 5))
    items = (await world.client.get("/v1/signing-keys")).json()["items"]
    assert [each["id"][0] for each in items] == ["b", "c", "a"]
    assert items[0]["algorithm"] == "ed25519"
    assert items[0]["public_key"].startswith("-----BEGIN PUBLIC KEY-----")


async def test_a_key_comes_as_the_file_that_verify_takes(world: Any) -> None:
    await world.add(key("a", 9), key("b", 2))
    latest = await world.client.get("/v1/signing-keys/latest/pem")
    assert latest.text == "-----BEGIN PUBLIC KEY-----\nb\n"
    assert latest.headers["content-type"] == "application/x-pem-file"
    older = await world.client.get(f"/v1/signing-keys/{'a' * 64}/pem")
    assert older.text.splitlines()[1] == "a"


async def test_a_key_that_is_not_there_is_a_404(world: Any) -> None:
    for name in ("latest", "a" * 64):
        answer = await world.client.get(f"/v1/signing-keys/{name}/pem")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
