"""Objects in a real S3 store: in parts, by range, hashed, and nothing left over."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.blobs.objects import Objects, Written, new_key
from lathe.errors import Missing, TooLarge, Unavailable
from stacks.s3 import S3

MIB = 1 << 20
LARGE = bytes(range(251)) * 100_000  # 23.9 MiB: three parts; 251 is prime, so no two agree


@pytest.fixture
def prefix() -> str:
    """A part of the bucket that no other test writes to."""
    return uuid.uuid4().hex


@pytest.fixture
def objects(s3: S3, prefix: str) -> Objects:
    return Objects.open(s3.under(prefix), access_key_id=s3.key, secret_access_key=s3.secret)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300_007):
        yield content[start : start + 300_007]


async def joined(store: Objects, key: str, start: int, length: int) -> bytes:
    return b"".join([window async for window in await store.read(key, start, length)])


def test_a_small_object_comes_back_as_it_went(objects: Objects, s3: S3, prefix: str) -> None:
    key = new_key("models")
    written = asyncio.run(objects.write(key, pieces(b"lathe"), max_bytes=5))
    # echo -n lathe | sha256sum
    assert written == Written(
        5, "7f27fbfd9e241df13b7fa9d88c8db3208c836f783455238a5417553657061bf8"
    )
    assert s3.names(prefix) == [f"{prefix}/{key}"]
    assert asyncio.run(joined(objects, key, 1, 3)) == b"ath"
    asyncio.run(objects.adelete(key))
    asyncio.run(objects.adelete(key))
    assert s3.names(prefix) == []
    with pytest.raises(Missing):
        asyncio.run(objects.read(key, 0, 5))


def test_a_large_object_is_read_whole_and_by_range(objects: Objects, tmp_path: Path) -> None:
    key, copy = new_key("datasets"), tmp_path / "copy"
    written = asyncio.run(objects.write(key, pieces(LARGE), max_bytes=None))
    assert written == Written(25_100_000, hashlib.sha256(LARGE).hexdigest())
    assert objects.read_to_file(key, copy) == written.sha256
    assert copy.read_bytes() == LARGE
    across_the_parts = asyncio.run(joined(objects, key, 8 * MIB - 3, 8 * MIB + 7))
    assert across_the_parts == LARGE[8 * MIB - 3 : 16 * MIB + 4]


def test_a_file_of_several_parts_goes_up_from_a_worker(
    objects: Objects, tmp_path: Path
) -> None:
    key, file = new_key("artifacts"), tmp_path / "file"
    file.write_bytes(LARGE[: 9 * MIB + 1])
    written = objects.write_file(key, file)
    assert written == Written(9_437_185, hashlib.sha256(LARGE[: 9 * MIB + 1]).hexdigest())
    assert asyncio.run(joined(objects, key, 9 * MIB, 1)) == LARGE[9 * MIB : 9 * MIB + 1]


def test_an_upload_over_the_limit_leaves_nothing(objects: Objects, s3: S3, prefix: str) -> None:
    upload = objects.write(new_key("models"), pieces(LARGE), max_bytes=20 * MIB)
    with pytest.raises(TooLarge):
        asyncio.run(upload)
    assert s3.names(prefix) == []
    assert s3.unfinished(prefix) == []


def test_a_cancelled_upload_leaves_nothing(objects: Objects, s3: S3, prefix: str) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield LARGE[: 17 * MIB]
        await asyncio.sleep(3600)

    upload = objects.write(new_key("models"), stalled(), max_bytes=None)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(upload, timeout=1.0))
    assert s3.names(prefix) == []
    assert s3.unfinished(prefix) == []


def test_the_right_keys_and_bucket_are_healthy_and_wrong_ones_are_unavailable(s3: S3) -> None:
    right = Objects.open(s3.url, access_key_id=s3.key, secret_access_key=s3.secret)
    asyncio.run(right.healthy())

    wrong = Objects.open(s3.url, access_key_id=s3.key, secret_access_key="wrong")
    with pytest.raises(Unavailable):
        asyncio.run(wrong.healthy())
    with pytest.raises(Unavailable) as refused:
        asyncio.run(wrong.write(new_key("models"), pieces(b"lathe"), max_bytes=None))
    assert "wrong" not in refused.value.detail

    elsewhere = s3.url.replace(f"s3://{s3.bucket}/", "s3://no-such-bucket/")
    missing = Objects.open(elsewhere, access_key_id=s3.key, secret_access_key=s3.secret)
    with pytest.raises(Unavailable):
        asyncio.run(missing.healthy())


def test_the_fallback_server_stores_an_object_too() -> None:
    server = S3(use_swift=False)
    try:
        server.begin()
        store = Objects.open(
            server.url, access_key_id=server.key, secret_access_key=server.secret
        )
        key = new_key("models")
        asyncio.run(store.write(key, pieces(LARGE[: 9 * MIB]), max_bytes=None))
        assert server.names() == [f"lathe/{key}"]
        assert (
            asyncio.run(joined(store, key, 8 * MIB - 2, 4)) == LARGE[8 * MIB - 2 : 8 * MIB + 2]
        )
    finally:
        server.end()


@pytest.mark.parametrize(
    ("bucket", "secret", "why"),
    [
        ("lathe", "wrong", "refuses this service's keys"),
        ("no-such-bucket", None, "has no such bucket"),
    ],
)
def test_a_wrong_secret_and_a_missing_bucket_are_named(
    s3: S3, bucket: str, secret: str | None, why: str
) -> None:
    url = s3.url.replace("s3://lathe/", f"s3://{bucket}/")
    store = Objects.open(url, access_key_id=s3.key, secret_access_key=secret or s3.secret)
    calls = (
        store.healthy(),
        store.read("models/3f/key", 0, 5),
        store.write("models/3f/key", pieces(b"lathe"), max_bytes=None),
    )
    for call in calls:
        with pytest.raises(Unavailable, match=why) as raised:
            asyncio.run(call)  # type: ignore[arg-type]
        assert s3.secret not in raised.value.detail
