"""`python -m app.bootstrap`: print the admin key of a new installation, once."""

import sys

from app.settings import Settings
from app.store.bootstrap import bootstrap


def main() -> int:
    """Print the key; 1 when it was made before, as its secret is stored nowhere."""
    key = bootstrap(Settings.from_environment().database_url)
    if key is None:
        sys.stderr.write("the default project is there; its key was printed when it was made\n")
        return 1
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
