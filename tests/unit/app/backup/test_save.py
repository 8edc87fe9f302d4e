"""What a save does when things change, or are wrong, beneath it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.backup.layout import Backup
from app.backup.restore import restore
from app.backup.save import save
from lathe.errors import InvalidRequest


def keys(folder: Path) -> list[str]:
    return [each.key for each in Backup(folder).objects()]


def test_a_second_save_copies_what_is_new_and_forgets_what_is_gone(place: Any) -> None:
    folder = place.folder / "backup"
    first = save(place.url, place.objects, folder)
    assert (first.copied, first.manifest.objects, first.manifest.object_bytes) == (2, 2, 11)
    place.sweep("second")
    again = save(place.url, place.objects, folder)
    assert (again.copied, again.lost, keys(folder)) == (0, [], ["models/first"])
    assert [path.name for path in Backup(folder).stored()] == ["first"]


def test_what_the_sweep_deletes_while_a_save_runs_is_in_no_backup(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Callable[[str, Path], str] = place.objects.read_to_file

    def swept_first(key: str, path: Path) -> str:
        if key == "models/second" and place.path("second").exists():
            place.sweep("second")
        return read(key, path)

    monkeypatch.setattr(place.objects, "read_to_file", swept_first)
    saved = save(place.url, place.objects, place.folder / "backup")
    assert (saved.lost, keys(place.folder / "backup")) == ([], ["models/first"])


def test_lost_and_damaged_bytes_are_named_and_the_rest_is_saved(place: Any) -> None:
    place.path("first").write_bytes(b"FIRST")
    place.path("second").unlink()
    saved = save(place.url, place.objects, place.folder / "backup")
    assert saved.lost == ["models/first", "models/second"]
    assert not list(Backup(place.folder / "backup").stored())


def test_a_doomed_object_is_saved_only_while_something_names_it(place: Any) -> None:
    place.doom("first")  # the model names it: the sweep will spare it
    place.doom("second")
    save(place.url, place.objects, place.folder / "backup")
    assert keys(place.folder / "backup") == ["models/first"]


def test_only_a_whole_backup_goes_into_an_empty_database(place: Any) -> None:
    folder, other = place.folder / "backup", f"sqlite:///{place.folder / 'other.db'}"
    with pytest.raises(InvalidRequest, match="no whole backup"):
        restore(folder, other, place.objects, place.store)
    save(place.url, place.objects, folder)
    with pytest.raises(InvalidRequest, match="not empty"):
        restore(folder, place.url, place.objects, place.store)
    with pytest.raises(InvalidRequest, match="of sqlite, the database is postgresql"):
        restore(folder, "postgresql://nobody@127.0.0.1/none", place.objects, place.store)
    (folder / "objects" / "models" / "second").write_bytes(b"Second")
    place.path("second").unlink()
    with pytest.raises(InvalidRequest, match="copy of models/second is damaged"):
        restore(folder, other, place.objects, place.store)
    assert not (place.folder / "other.db").exists()
    assert not place.path("second").exists()


def test_a_restore_keeps_the_objects_that_are_whole_and_replaces_the_others(
    place: Any,
) -> None:
    folder, other = place.folder / "backup", place.folder / "other.db"
    save(place.url, place.objects, folder)
    whole = place.path("first").stat().st_ino
    place.path("second").write_bytes(b"Second")
    restore(folder, f"sqlite:///{other}", place.objects, place.store)
    assert place.path("first").stat().st_ino == whole
    assert place.path("second").read_bytes() == b"second"
    assert other.stat().st_size == (folder / "database.sqlite").stat().st_size
