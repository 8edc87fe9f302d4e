"""`python -m app.bootstrap`: print the admin key of a new installation, once."""

import sys

from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from app.store.bootstrap import bootstrap
from app.store.preflight import preflight
from app.store.trouble import in_one_line


def main() -> int:
    """Print the key; 1 when it was made before, as its secret is stored nowhere."""
    settings = Settings.from_environment()
    preflight(settings)
    try:
        key = bootstrap(settings.database_url)
    except SQLAlchemyError as error:
        raise SystemExit(f"LATHE_DATABASE_URL: {in_one_line(error)}") from None
    if key is None:
        sys.stderr.write("the default project is there; its key was printed when it was made\n")
        return 1
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
