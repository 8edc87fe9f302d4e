"""`python -m app.migrate`: bring the database to the schema of this release."""

import sys

from app.settings import Settings
from app.store.migrate import upgrade


def main() -> int:
    """Migrate; any number of copies may do so at once."""
    upgrade(Settings.from_environment().database_url)
    sys.stdout.write("the database has the schema of this release\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
