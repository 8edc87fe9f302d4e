"""`python -m app.backup save|restore|verify`: for the installation that the settings name."""

import argparse
import sys
from pathlib import Path

from obstore.store import LocalStore, S3Store
from sqlalchemy.exc import SQLAlchemyError

from app.backup.collect import between_s, collect
from app.backup.restore import restore
from app.backup.save import save
from app.backup.verify import Findings, verify
from app.settings import Settings
from app.store.blobs.object_store import object_store
from app.store.blobs.objects import Objects
from lathe.errors import Refused


def main() -> int:
    """0 when everything is well, 1 when bytes are missing or damaged, 2 for a refusal."""
    options = _options()
    settings = _settings(options.data)
    try:
        store = _store(settings)
        objects = Objects(store)
        match options.command:
            case "save":
                return _save(settings.database_url, objects, options.folder)
            case "restore":
                manifest = restore(options.folder, settings.database_url, objects, store)
                _say(f"restored {manifest.objects} objects and the database")
                _say(f"as they were at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC")
                return 0
            case _:
                found = verify(settings.database_url, store, hashing=options.hash)
                return _report(found, settings, objects if options.delete_orphans else None)
    except (Refused, OSError, SQLAlchemyError) as error:
        sys.stderr.write(f"{options.command}: {error}\n")
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.backup", description=__doc__)
    data = "the data folder of `lathe up`, instead of LATHE_DATABASE_URL and LATHE_OBJECTS_URL"
    parser.add_argument("--data", type=Path, help=data)
    commands = parser.add_subparsers(dest="command", required=True)
    saving = commands.add_parser("save", help="save into a folder, beside the running service")
    saving.add_argument("folder", type=Path)
    restoring = commands.add_parser("restore", help="into an empty database, with all stopped")
    restoring.add_argument("folder", type=Path)
    checking = commands.add_parser("verify", help="compare rows and objects")
    checking.add_argument("--hash", action="store_true", help="read every object, too")
    checking.add_argument(
        "--delete-orphans",
        action="store_true",
        help="delete the objects that no row names, and that none can name any more, after a "
        "second look about a minute later",
    )
    return parser.parse_args()


def _settings(data: Path | None) -> Settings:
    if data is None:
        return Settings.from_environment()
    place = data.resolve()
    return Settings(
        database_url=f"sqlite:///{place / 'lathe.db'}",
        objects_url=f"file://{place / 'objects'}",
    )


def _store(settings: Settings) -> LocalStore | S3Store:
    secret = settings.s3_secret_access_key
    return object_store(
        settings.objects_url,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=None if secret is None else secret.get_secret_value(),
    )


def _save(database_url: str, objects: Objects, folder: Path) -> int:
    saved = save(database_url, objects, folder)
    manifest = saved.manifest
    _say(f"saved {manifest.objects} objects, {manifest.object_bytes} bytes; {saved.copied} new")
    for key in saved.lost:
        sys.stderr.write(f"not in the store, or damaged there: {key}\n")
    return 1 if saved.lost else 0


def _report(found: Findings, settings: Settings, deleting: Objects | None) -> int:
    _say(f"{found.objects} objects, {found.object_bytes} bytes")
    for what, troubles in (("missing", found.missing), ("damaged", found.damaged)):
        for key, named_by in sorted(troubles.items()):
            _say(f"{what}: {key}, named by {', '.join(named_by)}")
    if deleting is None:
        for orphan in found.orphans:
            _say(f"orphan: {orphan.key}, {orphan.size_bytes} bytes")
    else:
        wait_s = between_s(settings.database_waits)
        for gone in collect(settings.database_url, deleting, found, wait_s):
            _say(f"deleted: {gone.key}, {gone.size_bytes} bytes")
    return 0 if found.whole else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
