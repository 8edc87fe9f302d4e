"""PostgreSQL's own programs, and the way to the database that they take."""

import os
import shutil

from sqlalchemy import make_url

from lathe.errors import InvalidRequest


def pg_tool(name: str, database_url: str) -> tuple[list[str], dict[str, str]]:
    """The start of a command line, and its environment: the password is not in the former.

    Raises InvalidRequest when the program is not on the PATH.
    """
    program = shutil.which(name)
    if program is None:
        raise InvalidRequest(
            f"{name} is not on the PATH; it comes with PostgreSQL's client package, whose "
            "version may not be older than the server's"
        )
    url = make_url(database_url)
    environment = dict(os.environ)
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    address = url.set(password=None).render_as_string(hide_password=False)
    return [program, f"--dbname={address}"], environment
