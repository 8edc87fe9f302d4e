"""On a local folder; tests/services holds the same calls against S3."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from obstore.exceptions import GenericError

from app.store.blobs.object_errors import object_errors
from app.store.blobs.objects import Objects, Written, new_key
from lathe.errors import Missing, OutOfDisk, Refused, TooLarge, Unavailable

MIB = 1 << 20
LARGE = bytes(range(251)) * 37_000  # 8.86 MiB: nine windows; 251 is prime, so no two agree
# echo -n lathe | sha256sum
LATHE_SHA256 = "7f27fbfd9e241df13b7fa9d88c8db3208c836f783455238a5417553657061bf8"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300_007):
        yield content[start : start + 300_007]


async def joined(store: Objects, key: str, start: int, length: int) -> bytes:
    return b"".join([window async for window in await store.read(key, start, length)])


def files(folder: Path) -> list[str]:
    return [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(f"file://{tmp_path}/the%20objects")


def test_an_object_is_hashed_while_it_goes_and_lies_under_its_key(
    objects: Objects, tmp_path: Path
) -> None:
    written = asyncio.run(objects.write("models/3f/key", pieces(b"lathe"), max_bytes=5))
    assert written == Written(5, LATHE_SHA256)
    assert (tmp_path / "the objects/models/3f/key").read_bytes() == b"lathe"


def test_an_empty_object_is_an_object(objects: Objects, tmp_path: Path) -> None:
    key = new_key("models")
    assert asyncio.run(objects.write(key, pieces(b""), max_bytes=0)).size_bytes == 0
    assert files(tmp_path) == [f"the objects/{key}"]
    assert asyncio.run(joined(objects, key, 0, 0)) == b""
    assert objects.read_to_file(key, tmp_path / "copy") == hashlib.sha256().hexdigest()


def test_a_range_may_cross_windows(objects: Objects) -> None:
    key = new_key("datasets")
    asyncio.run(objects.write(key, pieces(LARGE), max_bytes=None))
    assert asyncio.run(joined(objects, key, 0, len(LARGE))) == LARGE
    assert asyncio.run(joined(objects, key, 11, 8 * MIB + 5)) == LARGE[11 : 8 * MIB + 16]


def test_a_window_of_a_file_never_holds_more_than_a_mebibyte(objects: Objects) -> None:
    key = new_key("datasets")
    asyncio.run(objects.write(key, pieces(LARGE), max_bytes=None))

    async def sizes() -> list[int]:
        return [len(window) async for window in await objects.read(key, 0, len(LARGE))]

    assert asyncio.run(sizes()) == [*(1_048_576,) * 8, 898_392]


def test_a_download_goes_on_when_its_object_is_deleted_and_lets_go_of_it(
    objects: Objects, tmp_path: Path
) -> None:
    asyncio.run(objects.write("models/3f/key", pieces(LARGE), max_bytes=None))

    def held() -> int:
        places = (place.resolve() for place in Path("/proc/self/fd").iterdir())
        return sum("models/3f/key" in str(place) for place in places)

    async def read_two_and_leave() -> tuple[bytes, int]:
        windows = await objects.read("models/3f/key", 0, len(LARGE))
        first = await anext(windows)
        (tmp_path / "the objects/models/3f/key").unlink()
        return first + await anext(windows), held()

    async def leave_at_once() -> None:
        await objects.read("models/3f/key", 0, len(LARGE))

    def let_go() -> bool:
        deadline_s = time.monotonic() + 5  # the thread that read drops its part when it gets to
        while held() and time.monotonic() < deadline_s:
            time.sleep(0.001)
        return held() == 0

    asyncio.run(leave_at_once())
    assert let_go()
    assert asyncio.run(read_two_and_leave()) == (LARGE[: 2 * MIB], 1)
    assert let_go()


def test_a_file_goes_in_and_comes_out_with_the_same_hash(
    objects: Objects, tmp_path: Path
) -> None:
    file, copy, key = tmp_path / "file", tmp_path / "copy", new_key("artifacts")
    file.write_bytes(LARGE)
    written = objects.write_file(key, file)
    assert written == Written(9_287_000, hashlib.sha256(LARGE).hexdigest())
    assert objects.read_to_file(key, copy) == written.sha256
    assert copy.read_bytes() == LARGE


def test_one_byte_over_the_limit_leaves_nothing(objects: Objects, tmp_path: Path) -> None:
    upload = objects.write(new_key("models"), pieces(LARGE), max_bytes=9_286_999)
    with pytest.raises(TooLarge, match="9286999 bytes"):
        asyncio.run(upload)
    assert files(tmp_path) == []


def test_an_upload_under_way_has_no_name_yet(objects: Objects, tmp_path: Path) -> None:
    seen: list[str] = []

    async def watched() -> AsyncIterator[bytes]:
        yield LARGE
        await asyncio.sleep(0.05)  # long enough for the writes behind it
        seen.extend(files(tmp_path))
        yield b"end"

    asyncio.run(objects.write("models/3f/key", watched(), max_bytes=None))
    assert (seen, files(tmp_path)) == ([], ["the objects/models/3f/key"])


def test_an_upload_into_a_folder_that_is_gone_is_unavailable(
    objects: Objects, tmp_path: Path
) -> None:
    (tmp_path / "the objects").rmdir()
    with pytest.raises(Unavailable):
        asyncio.run(objects.write("models/3f/key", pieces(b"lathe"), max_bytes=None))
    assert not (tmp_path / "the objects").exists()


def test_a_cut_connection_leaves_nothing_and_is_what_is_raised(
    objects: Objects, tmp_path: Path
) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        asyncio.run(objects.write(new_key("models"), cut(), max_bytes=None))
    assert files(tmp_path) == []


def test_a_cancelled_upload_leaves_nothing(objects: Objects, tmp_path: Path) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield LARGE
        await asyncio.sleep(60)

    upload = objects.write(new_key("models"), stalled(), max_bytes=None)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(upload, timeout=0.1))
    assert files(tmp_path) == []


def test_a_cancel_while_the_object_is_being_finished_leaves_nothing(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled_at_the_end() -> None:
        upload = asyncio.create_task(
            objects.write("models/3f/key", pieces(b"lathe"), max_bytes=None)
        )
        loop, synced = asyncio.get_running_loop(), list[int]()

        def cancel_at_the_first(file: int) -> None:
            if not synced:
                loop.call_soon_threadsafe(upload.cancel)
            synced.append(file)

        monkeypatch.setattr("os.fsync", cancel_at_the_first)
        await upload

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled_at_the_end())
    assert files(tmp_path) == []


def test_a_deleted_object_is_missing_and_may_be_deleted_again(
    objects: Objects, tmp_path: Path
) -> None:
    key = new_key("models")
    asyncio.run(objects.write(key, pieces(b"lathe"), max_bytes=None))
    objects.delete(key)
    asyncio.run(objects.adelete(key))
    with pytest.raises(Missing):
        asyncio.run(objects.read(key, 0, 5))
    with pytest.raises(Missing):
        objects.read_to_file(key, tmp_path / "copy")
    assert files(tmp_path) == []


def test_an_object_that_was_cut_short_is_not_served(objects: Objects, tmp_path: Path) -> None:
    asyncio.run(objects.write("models/3f/key", pieces(b"lathe"), max_bytes=None))
    (tmp_path / "the objects/models/3f/key").write_bytes(b"lat")
    with pytest.raises(Unavailable):
        asyncio.run(objects.read("models/3f/key", 0, 5))


def test_a_full_disk_is_named_and_leaves_no_half_copy(objects: Objects, tmp_path: Path) -> None:
    asyncio.run(objects.write("models/3f/key", pieces(b"lathe"), max_bytes=None))
    full = tmp_path / "full"
    full.symlink_to("/dev/full")  # every write to it fails with ENOSPC
    with pytest.raises(OutOfDisk):
        objects.read_to_file("models/3f/key", full)
    assert not full.is_symlink()


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        ("No space left on device (os error 28)", OutOfDisk),
        ("Disk quota exceeded (os error 122)", OutOfDisk),
        ("Input/output error (os error 5)", Unavailable),
        ("Communication error on send (os error 128)", Unavailable),
    ],
)
def test_a_full_store_is_told_from_one_that_is_down(
    reason: str, refusal: type[Refused]
) -> None:
    with pytest.raises(refusal), object_errors():  # as obstore 0.12.1 words it on a full tmpfs
        raise GenericError(
            f"Generic LocalFileSystem error: Unable to copy data to file: {reason}"
        )


def test_a_store_whose_folder_is_gone_is_unavailable(objects: Objects, tmp_path: Path) -> None:
    asyncio.run(objects.healthy())
    (tmp_path / "the objects").rmdir()
    with pytest.raises(Unavailable):
        asyncio.run(objects.healthy())


def test_keys_are_random_and_say_only_the_kind() -> None:
    first, second = new_key("models"), new_key("models")
    kind, fan, name = first.split("/")
    assert (kind, fan, len(name)) == ("models", name[:2], 32)
    assert first != second
    with pytest.raises(ValueError, match="kind"):
        new_key("../etc")


@pytest.mark.parametrize(
    "url",
    [
        "file://relative/folder",
        "file:///folder?x=1",
        "gs://bucket/prefix",
        "s3:///prefix",
        "s3://bucket?endpont=http://127.0.0.1:1",
        "/folder",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="object"):
        Objects.open(url)


def test_a_key_without_its_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="secret"):
        Objects.open("s3://bucket/prefix", access_key_id="half")
