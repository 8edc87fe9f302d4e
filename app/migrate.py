"""`python -m app.migrate`: bring the database to the schema of this release."""

import sys

from app.settings import Settings
from app.store.migrate import upgrade
from app.store.preflight import check_folders
from lathe.errors import Refused


def main() -> int:
    """Migrate; any number of copies may do so at once. What stands in the way is one line."""
    settings = Settings.from_environment()
    check_folders(settings)
    try:
        upgrade(settings.database_url)
    except Refused as refused:
        raise SystemExit(f"LATHE_DATABASE_URL: {refused.detail}") from None
    sys.stdout.write("the database has the schema of this release\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
